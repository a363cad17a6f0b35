import type { KeyObject } from "node:crypto";
import { Fault, faultTable } from "@locum/contracts";
import {
  type Capture,
  type Committed,
  commitSnapshot,
  createSnapshotPool,
  type ManifestBody,
  peekStub,
  type Repository,
  readRef,
} from "@locum/snapshot/repository";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import { visible } from "../table.ts";
import { type Access, needWriter } from "./access-repository.ts";
import { bytesText } from "./bytes-text.ts";
import { findSnapshot } from "./find-snapshot.ts";
import { meteredStore, type Stored } from "./metered-store.ts";
import type { OpenBase } from "./open-base.ts";
import { type Left, watchCapture } from "./watch-capture.ts";

export type Taken = Committed & {
  stored: Stored;
  files: number;
  logicalBytes: number;
  left: readonly Left[];
  /** Of the chunks that are new; null where there was nothing to store a difference against. */
  differences: { chunks: number; stored: number; from: string } | null;
};

/** Below it threads take longer to start than they save. */
export const poolFromBytes = 32 << 20;

/**
 * One snapshot of what was captured, sealed for the writer's own recipients, with parity beside its new packs. Ctrl-C
 * ends it between two reads: then nothing is committed, and no intent stays behind.
 */
export async function takeSnapshot({
  access,
  repository,
  capture,
  model,
  parent,
  torn = false,
  state = {},
  signer,
  digest = "sha256",
  base,
  io,
  out,
}: {
  access: Access;
  repository: Repository;
  capture: Capture;
  model: string;
  parent: string | null;
  torn?: boolean;
  state?: ManifestBody["state"];
  signer?: KeyObject | undefined;
  digest?: "sha256" | "blake3";
  base?: OpenBase | undefined;
  io: Io;
  out: Output;
}): Promise<Taken> {
  const { recipients } = needWriter(access);
  const meter = meteredStore(repository.store);
  const metered = { ...repository, store: meter.store };
  const show = progressLine(io, out);
  const total = capture.files.reduce((sum, { source }) => sum + source.size, 0);
  const watched = watchCapture(capture, {
    signal: io.signal,
    onBytes: (bytes) => show(`reading  ${bytesText(bytes)} of ${bytesText(total)}`),
  });
  const pool = total >= poolFromBytes ? createSnapshotPool() : undefined;
  try {
    const committed = await commitSnapshot(metered, {
      ...watched.capture,
      stub: { model, capturedAt: new Date(io.clock.wallMs()).toISOString(), parent, torn },
      state,
      recipients,
      by: access.who,
      digest,
      ...(signer && { signer }),
      ...(base && { base: base.read }),
      ...(pool && { pool }),
    });
    const { files, bytes } = await peekStub(repository.store, committed.id);
    return {
      ...committed,
      stored: meter.stored(),
      files,
      logicalBytes: bytes,
      left: watched.left(),
      differences: base ? { ...differencesIn(committed), from: base.from } : null,
    };
  } finally {
    show("");
    await pool?.close();
    await capture.close();
  }
}

function differencesIn({ loaded, packs }: Committed): { chunks: number; stored: number } {
  const entries = packs.flatMap((pack) => loaded.index.entriesOf(pack));
  return { chunks: entries.length, stored: entries.filter(({ base }) => base !== undefined).length };
}

/** `auto`: what `latest` points to. @throws Fault refused: a parent of another model */
export async function parentOf(
  access: Access,
  repository: Repository,
  { model, parent }: { model: string; parent: string },
): Promise<string | null> {
  if (parent === "none") return null;
  if (parent === "auto") return (await readRef(repository, { model, channel: "latest" }))?.snapshot ?? null;
  const stub = await findSnapshot(access, parent);
  if (stub.model === model) return stub.id;
  throw new Fault("refused", `snapshot ${stub.id} is of ${stub.model}, not of ${model}`);
}

/** A name that a channel and a stub can carry. @throws Fault usage */
export function modelName(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,99}$/.test(text)) return text;
  throw new Fault("usage", `--name: expected a-z, 0-9, ., _ and -, found "${text.slice(0, 60)}"`);
}

/** What it took, for people and scripts. Gives the exit code: 3 where a source changed while it was read. */
export function reportTaken(taken: Taken, { model, out }: { model: string; out: Output }): number {
  const { id, files, logicalBytes, stored, torn, left, isLatest, differences } = taken;
  const share = logicalBytes === 0 ? 0 : stored.packBytes / logicalBytes;
  out.say(`${out.paint(torn ? "warn" : "good", torn ? "torn" : "stored")}  ${id}  ${model}`);
  out.say(
    `${files} files, ${bytesText(logicalBytes)}; new in ${stored.packs} packs ${bytesText(stored.packBytes)} (${(100 * share).toFixed(1)} %), with manifest, index and parity ${bytesText(stored.bytes)}`,
  );
  if (differences) out.say(differencesText(differences));
  for (const { path, reason } of left) out.say(`  not held: ${visible(path)} (${reason})`);
  if (torn) out.say("A source changed or could not be read: this one never becomes the last known good.");
  out.summary({
    id,
    model,
    files,
    bytes: logicalBytes,
    newPacks: stored.packs,
    newPackBytes: stored.packBytes,
    newBytes: stored.bytes,
    ratio: share,
    torn,
    left,
    isLatest,
    ...(differences && { differences }),
  });
  return torn ? faultTable["objective-missed"].exit : 0;
}

function differencesText({ chunks, stored, from }: NonNullable<Taken["differences"]>): string {
  const against = visible(from);
  if (chunks === 0) return `nothing is new: no difference against ${against} was needed`;
  if (stored > 0) return `${stored} of ${chunks} new chunks are stored as differences against ${against}`;
  return `no new chunk is stored as a difference: ${against} has none in its place that this repository holds whole, or they differ too much`;
}
