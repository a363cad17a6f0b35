import { type TreeFile, treeChunkBytes } from "@locum/contracts";
import type { Source } from "./source.ts";

type Ahead = {
  file: TreeFile;
  chunk: number;
  buffer: Uint8Array<ArrayBuffer>;
  bytes: Promise<Uint8Array<ArrayBuffer>>;
};

/**
 * Asks for the next chunks of a file before they are wanted, so that what comes from far is under way while what came is
 * written. Each holds one buffer of a chunk. For one reader, that takes one chunk after another.
 */
export function readAhead(source: Source, { chunks = 3 }: { chunks?: number } = {}): Source {
  let ahead: Ahead[] = [];
  const free: Uint8Array<ArrayBuffer>[] = [];
  let lent: Uint8Array<ArrayBuffer> | undefined;

  const bufferFor = (size: number): Uint8Array<ArrayBuffer> => {
    const at = free.findIndex(({ length }) => length >= size);
    return free.splice(at, at < 0 ? 0 : 1)[0] ?? new Uint8Array(size);
  };
  const begin = (file: TreeFile, chunk: number): Ahead => {
    const buffer = bufferFor(Math.min(file.size, treeChunkBytes));
    const bytes = source.readChunk(file, chunk, buffer);
    // Told to whoever reads it; what nobody reads any more may fail.
    bytes.catch(() => undefined);
    return { file, chunk, buffer, bytes };
  };
  const drop = ({ buffer, bytes }: Ahead): void => {
    const giveBack = () => void free.push(buffer);
    // It is written to until then.
    bytes.then(giveBack, giveBack);
  };

  return {
    ...source,
    readChunk(file, chunk) {
      if (lent) free.push(lent);
      const isWanted = (one: Ahead) => one.file === file && one.chunk >= chunk;
      for (const one of ahead) if (!isWanted(one)) drop(one);
      ahead = ahead.filter(isWanted);
      const last = Math.min(chunk + chunks, file.chunks.length);
      for (let next = chunk; next < last; next++)
        if (!ahead.some((one) => one.chunk === next)) ahead.push(begin(file, next));
      ahead.sort((a, b) => a.chunk - b.chunk);
      const now = ahead.shift();
      lent = now?.buffer;
      return now?.bytes ?? source.readChunk(file, chunk, new Uint8Array(treeChunkBytes));
    },
  };
}
