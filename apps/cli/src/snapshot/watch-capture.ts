import type { Capture, SnapshotFile } from "@locum/snapshot/repository";

export type Left =
  Awaited<ReturnType<Capture["settle"]>> extends infer Next
    ? Next extends { left: readonly (infer One)[] }
      ? One
      : never
    : never;

/**
 * The same capture, which tells how far its reading came and what it left out, and which ends at the next read once
 * the signal is given. A file's bytes count once, however often samples of it are read.
 */
export function watchCapture(
  capture: Capture,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number) => void },
): { capture: Capture; left: () => readonly Left[] } {
  const reached = new Map<string, number>();
  let bytes = 0;
  let left: readonly Left[] = [];

  function watch(file: SnapshotFile): SnapshotFile {
    const { path, source } = file;
    return {
      ...file,
      source: {
        ...source,
        async read(position, length) {
          signal.throwIfAborted();
          const read = await source.read(position, length);
          const before = reached.get(path) ?? 0;
          // What lies ahead of the reading is a sample.
          if (position <= before && position + length > before) {
            reached.set(path, position + length);
            bytes += position + length - before;
            onBytes(bytes);
          }
          return read;
        },
      },
    };
  }

  return {
    capture: {
      files: capture.files.map(watch),
      async settle() {
        const next = await capture.settle();
        if ("whole" in next) {
          left = next.left;
          return next;
        }
        for (const { path } of next.again) reached.delete(path);
        return { again: next.again.map(watch) };
      },
      close: capture.close,
    },
    left: () => left,
  };
}
