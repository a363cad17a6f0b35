import type { Fs } from "../../fs.ts";

/** One bit of one byte is another: rot, or somebody. Only in a file system in memory, which lets a reader write. */
export async function damageByte(fs: Fs, path: string, at: number): Promise<void> {
  const handle = await fs.open(path, "r");
  const byte = new Uint8Array(1);
  await handle.read(byte, at);
  await handle.write(Uint8Array.of((byte[0] ?? 0) ^ 1), at);
}
