import { join } from "node:path";
import { assert, Fault, type Tree } from "@locum/contracts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import { readChunk, sha256 } from "./hash-file.ts";
import type { Source } from "./source.ts";

/**
 * What a restore displaced, as a source of the tree that was judged before it: enough to take that restore back, since
 * of the files that it left alone none is read. Every chunk is checked as that of any other source.
 */
export function openDisplaced({
  displaced,
  tree,
  fs = nodeFs,
}: {
  /** `RestoreResult.displaced`. */
  displaced: string;
  tree: Tree;
  fs?: Fs;
}): Source {
  // A generation keeps files below `files`; a version that is served no more is a tree as it is.
  const places = (path: string) => [join(displaced, "files", path), join(displaced, path)];
  return {
    tree,
    async readChunk(file, chunk, buffer) {
      const digest = file.chunks[chunk];
      assert(digest !== undefined, "a chunk of the tree");
      for (const place of places(file.path)) {
        if ((await ifThere(fs.lstat(place)))?.kind !== "file") continue;
        const handle = await fs.open(place, "r");
        try {
          const bytes = await readChunk(handle, buffer, chunk);
          if (bytes && (await sha256(bytes)) === digest) return bytes;
        } finally {
          await handle.close();
        }
      }
      throw new Fault("snapshot-missing", `${file.path} is not among what was displaced to ${displaced}`);
    },
  };
}
