import { Fault } from "@locum/contracts";
import type { Recipient } from "../crypto/recipient.ts";
import { type SnapshotInput, writeSnapshot } from "../write-snapshot.ts";
import { checkIntent, openIntent } from "./intent.ts";
import { manifestPath } from "./list-snapshots.ts";
import { indexPacks, type LoadedIndex, loadIndex } from "./load-index.ts";
import { moveRef, readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";
import { ulid } from "./ulid.ts";

/** What `base` gives is used only where the repository has it, not as a difference itself, and does not mean to delete it. */
export type CommitInput = Omit<SnapshotInput, "known" | "stub" | "beforeManifest" | "isBase"> & {
  /** Without an id it gets one of this moment. */
  stub: Omit<SnapshotInput["stub"], "id"> & { id?: string };
  /** Who can read it: the writer's own configuration, never what the repository says of itself. */
  recipients: readonly Recipient[];
  /** Who moves the channel, as it goes into the ref. */
  by: string;
  /** Packs of all snapshots together; a snapshot begins only below it. */
  quotaBytes?: number;
};

export type Committed = {
  id: string;
  /** New packs; none where everything was stored before. */
  packs: string[];
  bytes: number;
  isLatest: boolean;
  /** A source changed while it was read, as often as it was tried. */
  torn: boolean;
};

/**
 * A snapshot, in the order of docs/snapshot-format.md, section 10. It is committed when its manifest is durable; when
 * this returns, `latest` points to it or to a newer one. Several may run at once, on one machine or many.
 * @throws Fault conflict: it took so long that its intent ran out, or the id is taken; nothing was committed · disk-full: the storage, or
 *   the quota · storage-failed · refused · snapshot-corrupt: a pack did not read back
 */
export async function commitSnapshot(repository: Repository, input: CommitInput): Promise<Committed> {
  const intent = await openIntent(repository, { writer: input.by });
  try {
    return await commit(repository, input, intent);
  } finally {
    // It runs out by itself where this fails: the commit stands or falls without it.
    await repository.store.remove(intent).catch(() => {});
  }
}

async function commit(repository: Repository, input: CommitInput, intent: string): Promise<Committed> {
  const { stub, recipients, by, quotaBytes, ...rest } = input;
  const loaded = await loadIndex(repository, { for: "writer" });
  checkQuota(loaded, quotaBytes);
  const { index } = loaded;
  const id = stub.id ?? ulid(repository.wallMs(), repository.random);
  const written = new Set<string>();
  const known: SnapshotInput["known"] = {
    has: (chunk) => written.has(chunk) || index.isReadable(Buffer.from(chunk, "hex")),
    add: (chunk) => written.add(chunk),
  };
  const snapshot: SnapshotInput = {
    ...rest,
    stub: { ...stub, id },
    known,
    isBase: (chunkId) => index.isBase(chunkId),
    async beforeManifest(packs) {
      await indexPacks(repository, index, packs);
      await checkIntent(repository, intent);
    },
  };
  const { packs, bytes, isNew, torn } = await writeSnapshot(snapshot, { ...repository, recipients });
  if (!isNew) throw new Fault("conflict", `there is a snapshot ${id}`, { hint: "Take another id." });
  await confirm(repository, id, intent);
  const isLatest = await moveLatest(repository, { model: stub.model, id, by });
  return { id, packs, bytes, isLatest, torn };
}

/** Ran the intent out between the last look and the manifest, what the manifest counts on may be gone. */
async function confirm(repository: Repository, id: string, intent: string): Promise<void> {
  try {
    await checkIntent(repository, intent);
  } catch (error) {
    if (error instanceof Fault && error.code === "conflict") await repository.store.remove(manifestPath(id));
    throw error;
  }
}

function checkQuota({ packs }: LoadedIndex, quotaBytes = Number.POSITIVE_INFINITY): void {
  const bytes = [...packs.values()].reduce((sum, pack) => sum + pack.bytes, 0);
  if (bytes < quotaBytes) return;
  throw new Fault("disk-full", `the repository holds ${bytes} bytes of packs, its quota is ${quotaBytes}`, {
    hint: "Forget snapshots and prune, or raise the quota.",
  });
}

/** Ids sort by time. Whoever finds a newer one there leaves it; whoever loses the race looks again. */
async function moveLatest(
  repository: Repository,
  { model, id, by }: { model: string; id: string; by: string },
): Promise<boolean> {
  const name = { model, channel: "latest" };
  for (let tries = 0; ; tries++) {
    const current = (await readRef(repository, name))?.snapshot ?? null;
    if (current !== null && current >= id) return current === id;
    try {
      await moveRef(repository, name, { snapshot: id, by, expected: current });
      return true;
    } catch (error) {
      if (!(error instanceof Fault && error.code === "conflict") || tries >= 20) throw error;
    }
  }
}
