import { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";

/** A file of a repository as its storage lists it. */
export type Blob = {
  name: string;
  bytes: number;
  /** By the storage's clock, milliseconds since 1970. */
  modifiedMs: number;
};

/**
 * Where a repository lies: a directory, a bucket, a peer. Names are those of docs/snapshot-format.md, with `/` between
 * their parts. Nothing is ever changed: a blob is created whole, read, and one day removed.
 *
 * Faults of all: snapshot-missing (only `read`) · disk-full · storage-failed · refused · upstream-unreachable.
 */
export type BlobStore = {
  /** Whole and durable, or not at all. False where the name is taken: nothing was written, and what is there is durable. */
  create(name: string, parts: readonly Uint8Array[]): Promise<boolean>;
  /** Undefined where there is none. */
  size(name: string): Promise<number | undefined>;
  /**
   * Exactly `length` bytes; at the start of `room`, which has as many, where the store can do that and it was given one.
   * @throws Fault snapshot-missing, and snapshot-corrupt where it ends before that
   */
  read(name: string, position: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  /** Every blob whose name begins with `prefix`, a folder with its `/`, in no order. */
  list(prefix: string): AsyncIterable<Blob>;
  /** Nothing is there afterwards, as if it never was. */
  remove(name: string): Promise<void>;
};

export const blobSource = (store: BlobStore, { name, bytes }: Pick<Blob, "name" | "bytes">): ByteSource => ({
  size: bytes,
  read: (position, length, room) => store.read(name, position, length, room),
});

/** @throws Fault snapshot-missing · snapshot-corrupt: it has more than `bytesMax` bytes */
export async function readBlob(store: BlobStore, name: string, bytesMax: number): Promise<Uint8Array> {
  const bytes = await store.size(name);
  if (bytes === undefined) throw new Fault("snapshot-missing", `${name} is not in the repository`);
  if (bytes > bytesMax) throw corrupt(`${name} has ${bytes} bytes, at most ${bytesMax} are read`);
  return store.read(name, 0, bytes);
}
