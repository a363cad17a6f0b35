import { Fault } from "@locum/contracts";
import type { Recipient } from "../crypto/recipient.ts";
import { parityChoice } from "../parity/parity-block.ts";
import { type SnapshotInput, writeSnapshot } from "../write-snapshot.ts";
import { advanceRef } from "./advance-ref.ts";
import { checkIntent, openIntent } from "./intent.ts";
import { manifestPath } from "./list-snapshots.ts";
import { type LoadedIndex, loadIndex, refreshIndex } from "./load-index.ts";
import { measureRepository } from "./measure.ts";
import { quotaStore } from "./quota-store.ts";
import { checkRefName, isWholeOnly } from "./refs.ts";
import type { Repository } from "./repository.ts";
import { ulid } from "./ulid.ts";
import { indexPacks } from "./write-segments.ts";

/** What `base` gives is used only where the repository has it, not as a difference itself, and does not mean to delete it. */
export type CommitInput = Omit<SnapshotInput, "known" | "stub" | "beforeManifest" | "isBase"> & {
  /** Without an id it gets one of this moment. */
  stub: Omit<SnapshotInput["stub"], "id"> & { id?: string };
  /** Who can read it: the writer's own configuration, never what the repository says of itself. */
  recipients: readonly Recipient[];
  /** Who moves the channels, as it goes into the refs. */
  by: string;
  /**
   * For the repository with everything in it, packs and their parity, manifests and index: this commit takes it no
   * further, and where that would be needed nothing is committed. A ref does not fail for it.
   */
  quotaBytes?: number;
  /** Parity beside each new pack, as the repository's config says (16 and 1): its packs are whole without, only less safe. */
  parity?: boolean;
  /** What an earlier commit gave, or `loadIndex` for a writer: then only what is new since is read. */
  loaded?: LoadedIndex;
  /** Moved beside `latest`. Those for whole snapshots only, `last-known-good` among them, a torn one does not get. */
  channels?: readonly string[];
};

export type Committed = {
  id: string;
  /** New packs; none where everything was stored before. */
  packs: string[];
  bytes: number;
  isLatest: boolean;
  /** Of `channels`, those that point to it now; another is at a newer snapshot already, or only for whole ones. */
  channels: string[];
  /** A source changed while it was read, as often as it was tried. */
  torn: boolean;
  /** The index as it is now, for the next commit of this process. */
  loaded: LoadedIndex;
};

/**
 * A snapshot, in the order of docs/snapshot-format.md, section 10. It is committed when its manifest is durable; when
 * this returns, `latest` points to it or to a newer one. Several may run at once, on one machine or many.
 * @throws Fault conflict: it took so long that its intent ran out, or the id is taken; nothing was committed ·
 *   disk-full: the storage, or the quota · storage-failed · refused · snapshot-corrupt: a pack did not read back ·
 *   request-invalid: no name of a channel
 */
export async function commitSnapshot(repository: Repository, input: CommitInput): Promise<Committed> {
  for (const channel of input.channels ?? []) checkRefName({ model: input.stub.model, channel });
  const intent = await openIntent(repository, { writer: input.by });
  try {
    return await commit(repository, input, intent);
  } finally {
    // It runs out by itself where this fails: the commit stands or falls without it.
    await repository.store.remove(intent).catch(() => {});
  }
}

async function commit(repository: Repository, input: CommitInput, intent: string): Promise<Committed> {
  const { stub, recipients, by, quotaBytes, parity = true, loaded: before, channels = [], ...rest } = input;
  const loaded = await (before?.for === "writer"
    ? refreshIndex(repository, before)
    : loadIndex(repository, { for: "writer" }));
  const { index } = loaded;
  const id = stub.id ?? ulid(repository.wallMs(), repository.random);
  const written = new Set<string>();
  const known: SnapshotInput["known"] = {
    has: (chunk) => written.has(chunk) || index.isReadable(Buffer.from(chunk, "hex")),
    add: (chunk) => written.add(chunk),
  };
  const within = await withinQuota(repository, quotaBytes);
  const snapshot: SnapshotInput = {
    ...rest,
    stub: { ...stub, id },
    known,
    isBase: (chunkId) => index.isBase(chunkId),
    async beforeManifest(packs) {
      await indexPacks(within, loaded, packs);
      await checkIntent(repository, intent);
    },
  };
  const { packs, bytes, isNew, torn } = await writeSnapshot(snapshot, {
    ...within,
    recipients,
    parity: parity ? parityChoice(repository.config.parity) : undefined,
  });
  if (!isNew) throw new Fault("conflict", `there is a snapshot ${id}`, { hint: "Take another id." });
  await confirm(repository, id, intent);
  const to = { model: stub.model, id, by };
  const isLatest = await advanceRef(repository, { ...to, channel: "latest" });
  const moved: string[] = [];
  for (const channel of channels)
    if (!(torn && isWholeOnly(channel)) && (await advanceRef(repository, { ...to, channel })))
      moved.push(channel);
  return { id, packs, bytes, isLatest, channels: moved, torn, loaded };
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

async function withinQuota(repository: Repository, quotaBytes: number | undefined): Promise<Repository> {
  if (quotaBytes === undefined) return repository;
  const { bytes: usedBytes } = await measureRepository(repository);
  return { ...repository, store: quotaStore(repository.store, { usedBytes, quotaBytes }) };
}
