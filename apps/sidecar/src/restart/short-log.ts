import { constants, type FileHandle, mkdir, open, stat, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Opened for appending, so that it can be cut while somebody writes to it. */
export async function openLog(file: string): Promise<FileHandle> {
  await mkdir(dirname(file), { recursive: true });
  const { O_APPEND, O_CREAT, O_WRONLY } = constants;
  return open(file, O_WRONLY | O_CREAT | O_APPEND, 0o600);
}

/**
 * A log that has grown past its size begins anew; its end is kept beside it. What is written between the two is lost:
 * a full disk would cost more.
 */
export async function shortenLog(
  file: string,
  { bytesMax = 16 * 1024 * 1024, keptMax = 1024 * 1024 } = {},
): Promise<void> {
  try {
    const { size } = await stat(file);
    if (size <= bytesMax) return;
    await using handle = await open(file, "r");
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(keptMax), 0, keptMax, size - keptMax);
    await writeFile(`${file}.1`, buffer.subarray(0, bytesRead), { mode: 0o600 });
    await truncate(file);
  } catch {
    // Gone, or a disk that is full already: it is tried again.
  }
}
