import type { FileTensors } from "../chunk/map-tensors.ts";
import type { ManifestFile } from "../manifest/manifest-body.ts";
import type { RepositoryWriter } from "../pack/pack-writer.ts";
import type { SnapshotFile, SnapshotInput } from "../write-snapshot.ts";

/** Files into packs. On one thread (`alone-writer.ts`) or on many (`pooled-writer.ts`): what is stored restores alike. */
export type FileWriter = {
  /**
   * Reads the file once, apart from samples, and stores the chunks of it that are not known.
   * @throws Fault tree-changed: it is another file by now, and can be read again · the faults of `writeSnapshot`
   */
  write(file: SnapshotFile, map: FileTensors): Promise<ManifestFile>;
  /** Only then is everything durable that was written. */
  finish(): Promise<{ packs: string[]; bytes: number }>;
  /** For who stops before `finish`: nothing goes on behind its back. */
  abandon(): Promise<void>;
};

export type FileWriterInput = Pick<SnapshotInput, "known" | "base" | "isBase" | "digest"> & {
  writer: RepositoryWriter;
  table: Uint32Array;
};

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
