import type { Intent } from "./intent.ts";

/** A pack that could be read, as garbage collection sees it. */
export type JudgedPack = {
  id: string;
  /** By the storage's clock, as all times here. */
  storedMs: number;
  /** When its deletion was announced, if it was. */
  markedMs?: number;
  /** Of its records, and of those that are to stay. */
  bytes: number;
  keptBytes: number;
};

export type PackAct = "keep" | "announce" | "repack" | "rescue" | "delete";

/** Several machines of one storage may stamp files: so much their clocks may differ. */
const skewMs = 60_000;

/**
 * What becomes of a pack. Two looks at the manifests, `graceMs` apart, lie between need and deletion: the first
 * announces, whereupon new writers do not count on the pack; the second deletes, if every writer that may have begun
 * before the announcement is gone.
 */
export function judgePack(
  { storedMs, markedMs, bytes, keptBytes }: JudgedPack,
  {
    intents,
    nowMs,
    graceMs,
    repackBelow,
  }: {
    intents: readonly Pick<Intent, "startedMs">[];
    nowMs: number;
    graceMs: number;
    repackBelow: number;
  },
): PackAct {
  const isOlderThanAll = (ms: number) =>
    ms + skewMs < nowMs && intents.every(({ startedMs }) => ms + skewMs < startedMs);
  if (markedMs !== undefined) {
    if (keptBytes > 0) return "rescue";
    return nowMs - markedMs >= graceMs && isOlderThanAll(markedMs) ? "delete" : "keep";
  }
  // A writer's new packs are needed by nothing until its manifest is there.
  if (!isOlderThanAll(storedMs)) return "keep";
  if (keptBytes === 0) return "announce";
  return keptBytes < bytes * repackBelow ? "repack" : "keep";
}
