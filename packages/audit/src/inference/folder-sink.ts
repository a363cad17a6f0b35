import { dirname, join } from "node:path";
import { Fault } from "@locum/contracts";
import { type LogFs, nodeLogFs, storageFault } from "../log-fs.ts";
import type { InferenceSink } from "./inference-writer.ts";

/** Batches as files of a folder, on this disk or a mounted one. */
export function folderSink({ dir, fs = nodeLogFs }: { dir: string; fs?: LogFs }): InferenceSink {
  return {
    async put(name, text) {
      const path = join(dir, name);
      try {
        const there = await fs.readSmall(path);
        if (there === text) return;
        if (there !== undefined)
          throw new Fault("conflict", `${path}: expected no file, found other records`);
        await fs.list(dirname(path));
        await fs.replace(path, text);
      } catch (error) {
        throw storageFault(`${path} was not written`, error);
      }
    },
  };
}
