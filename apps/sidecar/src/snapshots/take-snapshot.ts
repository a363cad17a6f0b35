import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, Fault, type SnapshotRepository } from "@locum/contracts";
import type { Pace } from "@locum/snapshot";
import type { LoadedIndex } from "@locum/snapshot/repository";
import type { SnapshotWriter } from "./open-writer.ts";

/** What the goldens prove right now, and the files it was proven with. */
export type Proven = { release: Digest; tree: Digest };

export type TakeInput = {
  writer: SnapshotWriter;
  wanted: SnapshotRepository;
  /** The service: its snapshots are of that model. */
  model: string;
  modelDir: string;
  /** Null where nothing is proven: then the snapshot is the latest, and no more. */
  proven: Proven | null;
  /** The live tree as it is after a look at it now. */
  lookAgain: () => Promise<Digest | null>;
  /** Folder that still has the files of an older version: what is new is stored as differences against them. */
  olderDir: string | undefined;
  served: { server?: string | undefined; command?: readonly string[] | undefined };
  pid: number | undefined;
  by: string;
  /** What the last one of this process left. */
  loaded: LoadedIndex | undefined;
  pace: Pace;
  signal: AbortSignal;
  wallMs: () => number;
};

export type TakenSnapshot = {
  id: string;
  bytes: number;
  newBytes: number;
  torn: boolean;
  /** Channels that point to it now, beside `latest`. */
  channels: string[];
  /** Codes of what was left out of the state, and hooks that failed. */
  left: string[];
  loaded: LoadedIndex;
};

/**
 * One snapshot of the live instance, on threads. It names a release only where that was proven before the first read
 * and the files are the same after the last one.
 * @throws Fault as `captureInstance` and `commitSnapshot` do · not-found: an empty folder
 */
export async function takeSnapshot(input: TakeInput): Promise<TakenSnapshot> {
  const { captureInstance, createSnapshotPool, mapCapture } = await import("@locum/snapshot/repository");
  const { wanted, modelDir, pace, signal, served, pid } = input;
  const hooksDir = wanted.hooks.length > 0 ? await mkdtemp(join(tmpdir(), "locum-hooks-")) : undefined;
  const pool = createSnapshotPool();
  try {
    const captured = await captureInstance({
      modelDir,
      include: wanted.include,
      hooks: wanted.hooks,
      ...(hooksDir === undefined ? {} : { hooksDir }),
      state: { served, pid, env: wanted.env },
      signal,
    });
    try {
      if (captured.files.length === 0)
        throw new Fault("not-found", `${modelDir} holds no file of a model: nothing was stored`);
      const paced = mapCapture(captured, {
        async beforeRead(_file, _position, length) {
          signal.throwIfAborted();
          await pace(length);
        },
      });
      const committed = await commit({ ...captured, ...paced }, input, pool);
      const failed = captured.hooks.flatMap((hook) =>
        hook.outcome === "failed" ? [`hook ${hook.name}`] : [],
      );
      const left = [...failed, ...captured.warnings.map(({ code, name }) => `${code} ${name}`)];
      return { ...committed, left };
    } finally {
      await captured.close();
    }
  } finally {
    await pool.close();
    if (hooksDir !== undefined) await rm(hooksDir, { recursive: true, force: true });
  }
}

type Repositories = typeof import("@locum/snapshot/repository");
type Captured = Awaited<ReturnType<Repositories["captureInstance"]>>;

async function commit(
  captured: Captured,
  input: TakeInput,
  pool: ReturnType<Repositories["createSnapshotPool"]>,
): Promise<Omit<TakenSnapshot, "left">> {
  const { advanceRef, commitSnapshot, folderBase, peekStub, readRef, releaseChannel } = await import(
    "@locum/snapshot/repository"
  );
  const { writer, wanted, model, proven, olderDir, by } = input;
  const { repository, recipients, signer } = writer;
  const base =
    olderDir === undefined ? undefined : await folderBase({ root: olderDir, files: captured.files });
  const parent = (await readRef(repository, { model, channel: "latest" }))?.snapshot ?? null;
  const { id, bytes, torn, loaded } = await commitSnapshot(repository, {
    files: captured.files,
    settle: captured.settle,
    state: captured.state,
    stub: {
      model,
      capturedAt: new Date(input.wallMs()).toISOString(),
      parent,
      torn: captured.torn,
    },
    recipients,
    by,
    pool,
    ...(signer && { signer }),
    ...(base && { base }),
    ...(input.loaded && { loaded: input.loaded }),
    ...(wanted.quotaBytes === undefined ? {} : { quotaBytes: wanted.quotaBytes }),
  });
  const isProven = !torn && proven !== null && (await input.lookAgain()) === proven.tree;
  const channels = isProven ? ["last-known-good", "served", releaseChannel(proven.release)] : [];
  const moved: string[] = [];
  for (const channel of channels)
    if (await advanceRef(repository, { model, channel, id, by })) moved.push(channel);
  const { bytes: logical } = await peekStub(repository.store, id);
  return { id, bytes: logical, newBytes: bytes, torn, channels: moved, loaded };
}
