import { open, readFile } from "node:fs/promises";

const pieceBytes = 8 << 20;
/** More than any needle has, so that none is missed at the seam of two pieces. */
const overlapBytes = 256;

/**
 * All memory of a live process that Linux lets its parent read, piece by piece; undefined where it lets it read nothing
 * (another system, or ptrace is forbidden). Pages that vanish meanwhile are passed over.
 */
export async function openMemory(pid: number): Promise<ProcessMemory | undefined> {
  try {
    const maps = parseMaps(await readFile(`/proc/${pid}/maps`, "latin1"));
    const file = await open(`/proc/${pid}/mem`, "r");
    const read = async (address: number, length: number): Promise<Buffer | undefined> => {
      const bytes = Buffer.allocUnsafeSlow(length);
      try {
        const { bytesRead } = await file.read(bytes, 0, length, address);
        return bytes.subarray(0, bytesRead);
      } catch {
        return undefined;
      }
    };
    if (!(await read(maps.find(({ what }) => what === "[stack]")?.start ?? 0, 8))) {
      await file.close();
      return undefined;
    }
    return { maps, read, close: () => file.close() };
  } catch {
    return undefined;
  }
}

export type ProcessMemory = {
  maps: { start: number; end: number; what: string }[];
  read(address: number, length: number): Promise<Buffer | undefined>;
  close(): Promise<void>;
};

/** Where each needle occurs, at any alignment, by its name. */
export async function findInMemory(
  { maps, read }: ProcessMemory,
  needles: ReadonlyMap<string, Uint8Array>,
): Promise<{ found: Map<string, number[]>; bytes: number }> {
  const found = new Map<string, number[]>();
  let bytes = 0;
  for (const { start, end } of maps)
    for (let at = start; at < end; at += pieceBytes) {
      const piece = await read(at, Math.min(pieceBytes + overlapBytes, end - at));
      if (!piece) continue;
      bytes += Math.min(piece.length, pieceBytes);
      for (const [name, needle] of needles)
        for (let place = piece.indexOf(needle); place >= 0; place = piece.indexOf(needle, place + 1))
          if (place < pieceBytes) found.set(name, [...(found.get(name) ?? []), at + place]);
    }
  return { found, bytes };
}

/** Without the kernel's own, and without what a file has that the process cannot write to. */
function parseMaps(text: string): ProcessMemory["maps"] {
  return text.split("\n").flatMap((line) => {
    const [, from, to, rights = "", what = ""] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    const isProgram = what.startsWith("/") && rights[1] !== "w";
    if (!from || !to || rights[0] !== "r" || isProgram || what.startsWith("[v")) return [];
    return [{ start: Number.parseInt(from, 16), end: Number.parseInt(to, 16), what }];
  });
}
