import { copyFile, open, rename } from "node:fs/promises";

/** Signs of half the weights in the middle are turned over, in place: the file still loads, and answers wrongly. */
export async function corrupt(path: string, bytes = 65_536): Promise<void> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  const position = Math.floor((size - bytes) / 2);
  const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  for (let index = 3; index < bytes; index += 8) buffer[index] = (buffer[index] ?? 0) ^ 0x80;
  await file.write(buffer, 0, bytes, position);
}

export async function replaceBy(path: string, source: string): Promise<void> {
  await copyFile(source, `${path}.incoming`);
  await rename(`${path}.incoming`, path);
}
