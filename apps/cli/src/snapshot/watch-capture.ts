import { type Capture, mapCapture } from "@locum/snapshot/repository";

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
  const watched = mapCapture(capture, {
    beforeRead({ path }, position, length) {
      signal.throwIfAborted();
      const before = reached.get(path) ?? 0;
      // What lies ahead of the reading is a sample.
      if (position > before || position + length <= before) return;
      reached.set(path, position + length);
      bytes += position + length - before;
      onBytes(bytes);
    },
    onAgain(files) {
      for (const { path } of files) reached.delete(path);
    },
  });
  return {
    capture: {
      ...watched,
      async settle() {
        const next = await watched.settle();
        if ("whole" in next) left = next.left;
        return next;
      },
    },
    left: () => left,
  };
}
