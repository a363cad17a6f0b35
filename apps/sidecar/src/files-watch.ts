import type { Log } from "@locum/runtime";
import { type BytesOptions, type BytesWatch, openBytesWatch } from "./bytes-watch.ts";

export type FilesWatch = {
  /** Null until the files have been read for the first time. */
  watch(): BytesWatch | null;
  close(): Promise<void>;
};

const againMs = 5000;

/** Opens the watch of the model files, again and again where the folder cannot be read yet. */
export function keepBytesWatch(options: BytesOptions & { log: Log }): FilesWatch {
  let watch: BytesWatch | null = null;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const open = async (): Promise<void> => {
    try {
      const opened = await openBytesWatch(options);
      if (closed) return void opened.close();
      watch = opened;
      // Releases may have come while the files were read.
      opened.judgeAgain();
    } catch (error) {
      const { tell, clock, log, dir } = options;
      log("warn", "the model files cannot be read yet", { path: dir, error });
      const detail = error instanceof Error ? error.message.slice(0, 500) : "";
      const atMs = clock.monotonicMs();
      tell({ kind: "bytes", atMs, state: "unknown", tree: null, release: null, detail });
      if (!closed) timer = setTimeout(() => void open(), againMs).unref();
    }
  };
  const opening = open();
  return {
    watch: () => watch,
    async close() {
      closed = true;
      clearTimeout(timer);
      await Promise.race([opening, watch?.close()]);
      await watch?.close();
    },
  };
}
