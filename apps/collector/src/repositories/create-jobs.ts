import { performance } from "node:perf_hooks";
import { Fault } from "@locum/contracts";
import {
  collectGarbage,
  forget,
  type KeyOpener,
  listRefs,
  listSnapshots,
  loadIndex,
  type Manifest,
  measureRepository,
  moveRef,
  openByManifests,
  planForget,
  type Repository,
  type RepositoryDeps,
  readRef,
  readSnapshot,
  retentionPolicy,
} from "@locum/snapshot/repository";
import { drillSnapshot } from "./drill-snapshot.ts";
import { createKeyDesk } from "./open-keys.ts";
import type { Move, RepositoryJobs, Seen } from "./repository-jobs.ts";
import { scrubSlice } from "./scrub-slice.ts";
import { showSnapshot } from "./show-snapshot.ts";

type Deps = Omit<RepositoryDeps, "idKey"> & { opener: KeyOpener };

/** A listing of a bucket with many packs costs requests: how large it is may be this old. */
const measureMs = 600_000;

/** The work of a repository's thread. The repository is opened at the first need, and stays. */
export function createJobs(deps: Deps): RepositoryJobs {
  const { store, opener, wallMs } = deps;
  const openKeys = createKeyDesk(deps);
  let open: Repository | undefined;
  let measured = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 };

  async function opened(): Promise<Repository | undefined> {
    open ??= await openByManifests(deps, { opener });
    return open;
  }
  async function repositoryOf(): Promise<Repository> {
    const repository = await opened();
    if (repository) return repository;
    throw new Fault("snapshot-missing", "the repository has no snapshot yet");
  }
  async function manifestOf(repository: Repository, service: string, id: string): Promise<Manifest> {
    const manifest = await readSnapshot(repository, id, { opener });
    if (manifest.stub.model === service) return manifest;
    throw new Fault("snapshot-missing", `there is no snapshot ${id} of ${service}`);
  }
  async function sizeOf(): Promise<number> {
    if (Math.abs(wallMs() - measured.atMs) >= measureMs)
      measured = { atMs: wallMs(), bytes: (await measureRepository({ store })).bytes };
    return measured.bytes;
  }

  return {
    look: async () => look(await opened(), deps, await sizeOf()),
    async show({ service, id, against }) {
      const repository = await repositoryOf();
      const { body } = await manifestOf(repository, service, id);
      const other = against === null ? undefined : (await manifestOf(repository, service, against)).body;
      return showSnapshot(repository, { body, against: other, opener });
    },
    move: async (asked) => move(await repositoryOf(), asked),
    async planForget({ keep, services }) {
      const repository = await repositoryOf();
      const { snapshots } = await listSnapshots(repository);
      const models = new Map(snapshots.map(({ id, stub }) => [id, stub.model]));
      const plan = await planForget(repository, { policy: retentionPolicy.parse(keep) });
      // Another collector's services may lie here too: those are not this one's to forget.
      const ids = plan.forget.filter((id) => services.includes(models.get(id) ?? ""));
      return { ids, models: ids.map((id) => models.get(id) ?? "") };
    },
    async forget({ ids }) {
      await forget(await repositoryOf(), ids);
      return null;
    },
    async prune({ holder }) {
      const report = await collectGarbage(await repositoryOf(), { opener, holder });
      measured = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 };
      const { deleted, announced, bytesFreed, damaged, unreadable, missingChunks } = report;
      return {
        deleted: deleted.length,
        announced: announced.length,
        bytesFreed,
        damaged: [...damaged, ...unreadable],
        missingChunks,
      };
    },
    scrub: async (asked) => scrubSlice(await repositoryOf(), { ...asked, opener }),
    async drill({ service, id, releases, by }) {
      const startMs = performance.now();
      const repository = await repositoryOf();
      const { stub, body } = await manifestOf(repository, service, id);
      const loaded = await loadIndex(repository, { for: "reader", repair: false });
      const planMs = performance.now() - startMs;
      const read = await drillSnapshot(repository, { body, loaded, opener, releases });
      const isProven = releases.some(({ digest, proven }) => proven && digest === read.release);
      const channels = stub.torn ? [] : ["last-verified", ...(isProven ? ["last-drill-passed"] : [])];
      const moved: string[] = [];
      for (const channel of channels)
        if (await moveForward(repository, { service, channel, snapshot: id, by })) moved.push(channel);
      return { ...read, planMs, moved };
    },
    keys: async (asked) => openKeys(await repositoryOf(), asked),
  };
}

async function look(
  repository: Repository | undefined,
  { store, wallMs }: Deps,
  bytes: number,
): Promise<Seen> {
  const { snapshots, damaged } = await listSnapshots({ store });
  const refs = repository ? await listRefs(repository) : [];
  return {
    atMs: wallMs(),
    snapshots: snapshots.toReversed().map(({ id, stub, storedMs }) => ({
      id,
      model: stub.model,
      capturedAtMs: Date.parse(stub.capturedAt),
      storedAtMs: storedMs,
      bytes: stub.bytes,
      files: stub.files,
      torn: stub.torn,
      parent: stub.parent,
      signer: stub.signer,
    })),
    refs: refs.map(({ model, channel, snapshot, at }) => ({
      model,
      channel,
      snapshot,
      atMs: Date.parse(at),
    })),
    damaged: damaged.map(({ name }) => name),
    bytes,
  };
}

async function move(repository: Repository, { service, channel, snapshot, by }: Move) {
  const name = { model: service, channel };
  const before = (await readRef(repository, name))?.snapshot ?? null;
  if (before !== snapshot) await moveRef(repository, name, { snapshot, by, expected: before });
  return { before };
}

/** Never back from a newer one. A race that is lost is another's success. */
async function moveForward(repository: Repository, asked: Move & { snapshot: string }): Promise<boolean> {
  const current = (await readRef(repository, { model: asked.service, channel: asked.channel }))?.snapshot;
  if (current && current >= asked.snapshot) return current === asked.snapshot;
  try {
    await move(repository, asked);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "conflict") return false;
    throw error;
  }
}
