import { performance } from "node:perf_hooks";
import { Fault } from "@locum/contracts";
import {
  collectGarbage,
  forget,
  type KeyOpener,
  listSnapshots,
  loadIndex,
  type Manifest,
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
import { createLookAround } from "./look-around.ts";
import { createKeyDesk } from "./open-keys.ts";
import type { Move, RepositoryJobs, Shown } from "./repository-jobs.ts";
import { scrubSlice } from "./scrub-slice.ts";
import { showSnapshot } from "./show-snapshot.ts";

type Deps = Omit<RepositoryDeps, "idKey"> & { opener: KeyOpener };

/** A comparison may read many chunks: so many at once, however many people look. */
const shownAtOnce = 4;

/** The work of a repository's thread. The repository is opened at the first need, and stays. */
export function createJobs(deps: Deps): RepositoryJobs {
  const { opener } = deps;
  const openKeys = createKeyDesk(deps);
  let open: Repository | undefined;
  const around = createLookAround(deps);
  let showing = 0;

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
  async function show({ service, id, against }: Parameters<RepositoryJobs["show"]>[0]): Promise<Shown> {
    const repository = await repositoryOf();
    const { body } = await manifestOf(repository, service, id);
    const other = against === null ? undefined : (await manifestOf(repository, service, against)).body;
    return showSnapshot(repository, { body, against: other, opener });
  }

  return {
    look: async () => around.look(await opened()),
    async show(asked) {
      if (showing >= shownAtOnce)
        throw new Fault("too-many-requests", `${showing} snapshots are looked into already`);
      showing += 1;
      try {
        return await show(asked);
      } finally {
        showing -= 1;
      }
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
      around.forgetSize();
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
