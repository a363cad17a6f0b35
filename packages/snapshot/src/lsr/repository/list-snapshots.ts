import { Fault } from "@locum/contracts";
import { readStubAtStart, stubReach } from "../manifest/open-manifest.ts";
import type { Stub } from "../manifest/stub.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { ulidPattern } from "./ulid.ts";

export type ListedSnapshot = {
  id: string;
  stub: Stub;
  /** By the storage's clock: unlike the stub's time, a writer cannot choose it. */
  storedMs: number;
  manifestBytes: number;
};

export type SnapshotList = { snapshots: ListedSnapshot[]; damaged: { name: string; fault: Fault }[] };

export const manifestPath = (id: string): string => `snaps/${id}.sn`;

/** Every snapshot, oldest id first. Needs no key: stubs are in the clear, and not proven by anything but a signature. */
export async function listSnapshots({ store }: { store: BlobStore }): Promise<SnapshotList> {
  const snapshots: ListedSnapshot[] = [];
  const damaged: SnapshotList["damaged"] = [];
  for await (const { name, bytes, modifiedMs } of store.list("snaps/")) {
    const id = snapshotIdOf(name);
    if (!id) continue;
    try {
      const start = await store.read(name, 0, Math.min(bytes, stubReach));
      snapshots.push({ id, stub: readStubAtStart(start, id), storedMs: modifiedMs, manifestBytes: bytes });
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      // Forgotten between the listing and the look.
      if (fault.code === "snapshot-missing") continue;
      if (fault.code !== "snapshot-corrupt") throw fault;
      damaged.push({ name, fault });
    }
  }
  return { snapshots: snapshots.toSorted((a, b) => (a.id < b.id ? -1 : 1)), damaged };
}

/** One snapshot's stub. @throws Fault snapshot-missing · snapshot-corrupt */
export async function peekStub(store: BlobStore, id: string): Promise<Stub> {
  const name = manifestPath(id);
  const bytes = ulidPattern.test(id) ? await store.size(name) : undefined;
  if (bytes === undefined) throw new Fault("snapshot-missing", `there is no snapshot ${id}`);
  return readStubAtStart(await store.read(name, 0, Math.min(bytes, stubReach)), id);
}

export function snapshotIdOf(name: string): string | undefined {
  const id = /^snaps\/([^/]{26})\.sn$/.exec(name)?.[1];
  return id !== undefined && ulidPattern.test(id) ? id : undefined;
}
