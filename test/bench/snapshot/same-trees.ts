import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const pieceBytes = 4 << 20;

/** Every file of one folder has the same bytes under the same name in the other. @throws Error that names the first that has not */
export async function assertSameTrees(source: string, restored: string): Promise<void> {
  const [wanted, found] = await Promise.all([filesOf(source), filesOf(restored)]);
  if (wanted.join("\n") !== found.join("\n"))
    throw new Error(`${restored} has ${found.length} files, ${source} has ${wanted.length}`);
  for (const path of wanted)
    if (!(await isSame(join(source, path), join(restored, path)))) throw new Error(`${path} came back other`);
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

async function isSame(left: string, right: string): Promise<boolean> {
  const handles = await Promise.all([open(left), open(right)]);
  const buffers = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)] as const;
  try {
    for (;;) {
      const [a, b] = await Promise.all(
        handles.map((handle, n) => handle.read(buffers[n] ?? buffers[0], 0, pieceBytes)),
      );
      const [length, other] = [a?.bytesRead ?? 0, b?.bytesRead ?? 0];
      if (length !== other) return false;
      if (length === 0) return true;
      if (!buffers[0].subarray(0, length).equals(buffers[1].subarray(0, length))) return false;
    }
  } finally {
    for (const handle of handles) await handle.close();
  }
}

/** Bytes of all files; one that has several names counts once. */
export async function bytesIn(folder: string): Promise<number> {
  const sizes = new Map<number, number>();
  for (const path of await filesOf(folder)) {
    const { ino, size } = await stat(join(folder, path));
    sizes.set(ino, size);
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
