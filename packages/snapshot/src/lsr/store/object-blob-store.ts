import { Fault } from "@locum/contracts";
import { corrupt } from "../corrupt.ts";
import type { BlobStore } from "./blob-store.ts";

/** What a repository needs of a bucket: creation that never replaces, ranges, and a listing. */
export type Objects = {
  put(key: string, bytes: Uint8Array): Promise<"stored" | "exists">;
  range(key: string, start: number, length: number): Promise<Uint8Array | undefined>;
  size(key: string): Promise<number | undefined>;
  list(prefix: string): AsyncIterable<{ key: string; bytes: number; modifiedMs: number }>;
  remove(key: string): Promise<void>;
};

/**
 * A repository in a bucket. A blob is one object and one request: it is there whole or not at all, and a second writer of
 * the name is told so by the bucket (`If-None-Match: *`).
 */
export function objectBlobStore(objects: Objects): BlobStore {
  return {
    create: async (name, parts) => (await objects.put(name, Buffer.concat(parts))) === "stored",
    size: objects.size,
    async read(name, position, length) {
      // A range of no bytes cannot be asked for.
      const bytes = length > 0 ? await objects.range(name, position, length) : undefined;
      if (bytes?.length === length) return bytes;
      const size = await objects.size(name);
      if (size === undefined) throw new Fault("snapshot-missing", `${name} is not in the repository`);
      if (length === 0 && position <= size) return new Uint8Array();
      throw corrupt(`bytes up to ${position + length} of ${name} were expected, it has ${size}`);
    },
    async *list(prefix) {
      for await (const { key, ...rest } of objects.list(prefix)) yield { name: key, ...rest };
    },
    remove: objects.remove,
  };
}
