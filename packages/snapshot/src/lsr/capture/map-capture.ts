import type { ByteSource } from "../byte-source.ts";
import type { SnapshotFile } from "../write-snapshot.ts";
import type { Capture } from "./capture.ts";

/**
 * The same capture, each of whose reads is asked about first: to wait, to count, or to end it by a throw. `onAgain`
 * sees the files that will be read again.
 */
export function mapCapture(
  capture: Capture,
  {
    beforeRead,
    onAgain,
  }: {
    beforeRead: (file: SnapshotFile, position: number, length: number) => Promise<void> | void;
    onAgain?: (files: readonly SnapshotFile[]) => void;
  },
): Capture {
  const watch = (file: SnapshotFile): SnapshotFile => ({ ...file, source: watched(file) });
  const watched = (file: SnapshotFile): ByteSource => {
    const { source } = file;
    const into = source.readInto;
    return {
      ...source,
      async read(position, length) {
        await beforeRead(file, position, length);
        return source.read(position, length);
      },
      ...(into && {
        async readInto(position: number, target: Uint8Array) {
          await beforeRead(file, position, target.length);
          return into(position, target);
        },
      }),
    };
  };
  return {
    files: capture.files.map(watch),
    async settle() {
      const next = await capture.settle();
      if ("whole" in next) return next;
      onAgain?.(next.again);
      return { again: next.again.map(watch) };
    },
    close: capture.close,
  };
}
