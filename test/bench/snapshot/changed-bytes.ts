import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Bytes of tensors, and of files that are no safetensors, that are new or other in `newer`: what a version changed at most. */
export async function changedBytes(older: string, newer: string): Promise<number> {
  const [before, after] = await Promise.all([piecesOf(older), piecesOf(newer)]);
  let bytes = 0;
  for (const [name, piece] of after) if (!before.get(name)?.equals(piece)) bytes += piece.length;
  return bytes;
}

async function piecesOf(folder: string): Promise<Map<string, Buffer>> {
  const pieces = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const tensors = path.endsWith(".safetensors") ? tensorsOf(bytes) : [["", bytes] as const];
    for (const [name, piece] of tensors) pieces.set(`${path.slice(folder.length)} ${name}`, piece);
  }
  return pieces;
}

/** With the header as a piece of its own. */
function tensorsOf(bytes: Buffer): (readonly [string, Buffer])[] {
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header: Record<string, { data_offsets?: [number, number] }> = JSON.parse(
    bytes.toString("utf8", 8, start),
  );
  const tensors = Object.entries(header).flatMap(([name, { data_offsets: range }]) =>
    range ? [[name, bytes.subarray(start + range[0], start + range[1])] as const] : [],
  );
  return [["", bytes.subarray(0, start)], ...tensors];
}
