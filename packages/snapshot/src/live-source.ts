import { join } from "node:path";
import { Fault, type Tree } from "@locum/contracts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import { readChunk, sha256 } from "./hash-file.ts";
import type { Source } from "./source.ts";

/**
 * What of the target the damaged live files still hold: usually all chunks but one, which then need not come from far.
 */
export function liveSource({ dir, tree, fs = nodeFs }: { dir: string; tree: Tree; fs?: Fs }): Source {
  return {
    tree,
    async readChunk(file, chunk, buffer) {
      const handle = await ifThere(fs.open(join(dir, file.path), "r"));
      try {
        const bytes = handle && (await readChunk(handle, buffer, chunk));
        if (bytes && (await sha256(bytes)) === file.chunks[chunk]) return bytes;
      } finally {
        await handle?.close();
      }
      throw new Fault("snapshot-missing", `chunk ${chunk} of ${file.path} is not among the live bytes`);
    },
  };
}
