import { type Digest, Fault } from "@locum/contracts";
import type { Repository } from "@locum/snapshot/repository";

export type Writing = { repository: Repository; model: string; by: string };

/**
 * Where a snapshot of a release is there already: `served` points to it, forth or back. False where there is none.
 * @throws Fault storage-failed · snapshot-corrupt
 */
export async function pointServed({ repository, model, by }: Writing, release: Digest): Promise<boolean> {
  const { moveRef, readRef, releaseChannel } = await import("@locum/snapshot/repository");
  const snapshot = (await readRef(repository, { model, channel: releaseChannel(release) }))?.snapshot ?? null;
  if (snapshot === null) return false;
  const served = { model, channel: "served" };
  const expected = (await readRef(repository, served))?.snapshot ?? null;
  if (expected === snapshot) return true;
  try {
    await moveRef(repository, served, { snapshot, by, expected });
  } catch (error) {
    // Another instance of the service has said what it serves in the same moment.
    if (!(error instanceof Fault && error.code === "conflict")) throw error;
  }
  return true;
}

/** Releases that nobody approves any longer hold no snapshot. */
export async function letGo({ repository, model, by }: Writing, approved: readonly Digest[]): Promise<void> {
  const { listRefs, moveRef, releaseChannel } = await import("@locum/snapshot/repository");
  const kept = new Set(approved.map(releaseChannel));
  for (const { channel, snapshot, ...ref } of await listRefs(repository))
    if (ref.model === model && channel.startsWith("release-") && snapshot !== null && !kept.has(channel))
      await moveRef(repository, { model, channel }, { snapshot: null, by, expected: snapshot });
}

/** Whether the newest snapshot was taken at that time or later: another instance was faster. */
export async function isTakenSince(
  { repository, model }: Omit<Writing, "by">,
  wallMs: number,
): Promise<boolean> {
  const { peekStub, readRef } = await import("@locum/snapshot/repository");
  const latest = (await readRef(repository, { model, channel: "latest" }))?.snapshot ?? null;
  return latest !== null && Date.parse((await peekStub(repository.store, latest)).capturedAt) >= wallMs;
}
