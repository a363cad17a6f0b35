import type { ManifestBody } from "../manifest/manifest-body.ts";
import type { SnapshotFile } from "../write-snapshot.ts";
import type { Left } from "./left.ts";

/** The rest of the manifest, as it stands when nothing has to be read again. */
export type Settled = {
  again: readonly [];
  /** Paths of the files that were read whole, and are in the snapshot. */
  whole: ReadonlySet<string>;
  /** Folders and links. */
  others: ManifestBody["files"];
  left: readonly Left[];
  torn: boolean;
};

/**
 * What `writeSnapshot` reads while others may write to it: it reads `files`, asks `settle`, reads what that answers,
 * and so on until nothing is left to read. `settle` ends by itself after a bounded number of rounds.
 */
export type Capture = {
  files: readonly SnapshotFile[];
  settle(): Promise<{ again: readonly SnapshotFile[] } | Settled>;
  /** Closes what is open; whoever stops before `settle` is done calls it. Harmless when called twice. */
  close(): Promise<void>;
};
