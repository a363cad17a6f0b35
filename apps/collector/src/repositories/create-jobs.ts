import { performance } from "node:perf_hooks";
import { Fault } from "@locum/contracts";
import {
  collectGarbage,
  forget,
  type KeyOpener,
  listSnapshots,
  type Manifest,
  openByManifests,
  planForget,
  type Recipient,
  type Repository,
  type RepositoryDeps,
  readSnapshot,
  retentionPolicy,
} from "@locum/snapshot/repository";
import { createLookAround } from "./look-around.ts";
import { moveChannel } from "./move-channel.ts";
import { createKeyDesk } from "./open-keys.ts";
import type { RepositoryJobs, Shown } from "./repository-jobs.ts";
import { runDrill } from "./run-drill.ts";
import { scrubSlice } from "./scrub-slice.ts";
import { showSnapshot } from "./show-snapshot.ts";

type Deps = Omit<RepositoryDeps, "idKey"> & {
  opener: KeyOpener;
  /** Whom packs are sealed for that are written anew; none where there are none. */
  recipients?: readonly Recipient[];
};

/** A comparison may read many chunks: so many at once, however many people look. */
const shownAtOnce = 4;

/** The work of a repository's thread. The repository is opened at the first need, and stays. */
export function createJobs(deps: Deps): RepositoryJobs {
  const { opener, recipients = [] } = deps;
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
    move: async (asked) => moveChannel(await repositoryOf(), asked),
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
      const report = await collectGarbage(await repositoryOf(), {
        ...{ opener, holder },
        ...(recipients.length > 0 && { recipients }),
      });
      around.forgetSize();
      const { deleted, announced, repacked, bytesFreed, damaged, unreadable, missingChunks } = report;
      return {
        deleted: deleted.length,
        announced: announced.length,
        repacked: repacked.length,
        bytesFreed,
        damaged: [...damaged, ...unreadable],
        missingChunks,
      };
    },
    scrub: async (asked) => scrubSlice(await repositoryOf(), { ...asked, opener, recipients }),
    async drill(asked) {
      const startMs = performance.now();
      const repository = await repositoryOf();
      const manifest = await manifestOf(repository, asked.service, asked.id);
      return runDrill(repository, { ...asked, manifest, opener, recipients, startMs });
    },
    keys: async (asked) => openKeys(await repositoryOf(), asked),
  };
}
