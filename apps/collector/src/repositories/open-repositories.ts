import { type CollectorRepository, Fault, type Release } from "@locum/contracts";
import type { Clock, Log, Random } from "@locum/runtime";
import { accountOf, snapshotsOf } from "./account.ts";
import { type Kept, keepRepository } from "./keep-repository.ts";
import { createKeyGrants, grantMs, type KeyGrants } from "./key-grants.ts";
import { notesFile } from "./notes.ts";
import { type Ledger, performActs, recorded } from "./perform-acts.ts";
import { noRepositories, type Repositories } from "./repositories.ts";
import { createRepositoryThread, type RepositoryThread, type ThreadPlace } from "./repository-thread.ts";

export type RepositoriesDeps = Ledger & {
  dataDir: string;
  term: number;
  clock: Clock;
  random: Pick<Random, "next">;
  say: Log;
  /** Services that this collector has now. */
  services: () => string[];
  releasesOf: (service: string) => readonly Release[];
  isProven: (service: string, release: string) => boolean;
  quotaOf: (service: string, place: string) => number | null;
  openThread?: (place: ThreadPlace) => RepositoryThread;
};

export type OpenRepositories = Repositories & { close(): Promise<void> };

type One = {
  config: CollectorRepository;
  /** As it is told: without what follows a `?`, and without a user, which no place may have. */
  place: string;
  thread: RepositoryThread;
  kept: Kept;
  services: () => string[];
};

/** Each repository gets a thread and a keeper. None that is away, damaged or wrongly named stops the collector. */
export async function openRepositories(
  configs: readonly CollectorRepository[],
  deps: RepositoriesDeps,
): Promise<OpenRepositories> {
  if (configs.length === 0) return { ...noRepositories, close: async () => {} };
  const named = new Set(configs.flatMap(({ services }) => services));
  const all = await Promise.all(
    configs.map((config) => {
      const own = new Set(config.services);
      // A repository without a list has the services that no other names.
      const isOwn = (service: string) => (own.size > 0 ? own.has(service) : !named.has(service));
      return openOne(config, () => deps.services().filter(isOwn), deps);
    }),
  );
  const grants = createKeyGrants(deps.clock);
  const find = (service: string): One => {
    const one = all.find(({ services }) => services().includes(service));
    return one ?? (noRepositories.view(service) as never);
  };
  const account = (service: string, { config, kept }: One) =>
    accountOf(service, kept.known(), {
      nowMs: deps.clock.wallMs(),
      escrowDays: config.escrowDays,
      quotaBytes: deps.quotaOf(service, config.place),
    });
  return {
    view: (service) => account(service, find(service)),
    views: () => all.flatMap((one) => one.services().map((service) => account(service, one))),
    snapshots: (service) => snapshotsOf(service, find(service).kept.known().seen),
    show: async (asked) => find(asked.service).thread.jobs.show(asked),
    pin: async (asked) => pin(find(asked.service), asked, deps),
    drill(service) {
      deps.gate.assertOpen();
      find(service).kept.ask(`drill ${service}`);
    },
    keys: async (asked) => keys(find(asked.service), asked, { ...deps, grants }),
    async close() {
      // The threads first: what they do is not waited for, and can be cut off anywhere.
      await Promise.all(all.map(({ thread }) => thread.close()));
      await Promise.all(all.map(({ kept }) => kept.close()));
    },
  };
}

async function openOne(
  config: CollectorRepository,
  services: () => string[],
  deps: RepositoriesDeps,
): Promise<One> {
  const { keep, scrubSlices: slices, scrubBytesPerSecond: bytesPerSecond } = config;
  const { credentialsFile, privateKeyFile, recipientsFile } = config;
  const place = config.place.replace(/\?.*$/s, "").replace(/\/\/[^/]*@/, "//");
  const thread = (deps.openThread ?? createRepositoryThread)({
    place: config.place,
    privateKeyFile,
    ...(credentialsFile === undefined ? {} : { credentialsFile }),
    ...(recipientsFile === undefined ? {} : { recipientsFile }),
  });
  const { jobs } = thread;
  const holder = `collector term ${deps.term}`;
  const perform = performActs({ ...deps, place, jobs, keep, slices, bytesPerSecond, services, holder });
  const kept = await keepRepository({
    ...deps,
    ...{ place, services, jobs, perform },
    times: config,
    notesFile: notesFile(deps.dataDir, config.place, deps.say),
  });
  return { config, place, thread, kept, services };
}

const pin = async (
  { place, thread, kept }: One,
  { service, channel, snapshot, reason, actor }: Parameters<Repositories["pin"]>[0],
  deps: RepositoriesDeps,
): ReturnType<Repositories["pin"]> => {
  const facts = { repository: place, channel, snapshot };
  const { before } = await recorded(deps, { kind: "snapshot.pin", service, reason, actor, facts }, () =>
    thread.jobs.move({ service, channel, snapshot, by: actor }),
  );
  await kept.look();
  return { service, channel, snapshot, before };
};

type KeysDeps = RepositoriesDeps & { grants: KeyGrants };
type KeysAsked = Parameters<Repositories["keys"]>[0];

const keys = (one: One, asked: KeysAsked, deps: KeysDeps): ReturnType<Repositories["keys"]> =>
  deps.grants.use(`${asked.service}/${asked.instance}`, asked.id, {
    first: () => firstKeys(one, asked, deps),
    again: () => one.thread.jobs.keys({ ...asked, isGranted: true }),
  });

/** The keys are opened, then the grant is recorded, then they leave: a wrong question leaves no grant behind. */
async function firstKeys(
  { place, thread }: One,
  { service, instance, id, files, actor }: KeysAsked,
  { note, gate, say }: KeysDeps,
): ReturnType<Repositories["keys"]> {
  gate.assertOpen();
  const facts = { repository: place, snapshot: id, files: files.length };
  const event = { kind: "snapshot.key", service, instance, actor } as const;
  const opened = await thread.jobs
    .keys({ service, id, files, isGranted: false })
    .catch(async (error: unknown) => {
      const { code, message } = error instanceof Fault ? error : new Fault("internal", String(error));
      say("warn", "keys of a snapshot were refused", { service, instance, snapshot: id, code });
      const refused = { ...facts, outcome: "refused", code };
      await note({ ...event, reason: message.slice(0, 1000), facts: refused });
      throw error;
    });
  const reason = "its restore needs the keys of these files";
  await note({ ...event, reason, facts: { ...facts, outcome: "granted", lastsMs: grantMs } });
  const shut = gate.fault();
  if (shut) throw new Fault(shut.code, `no key leaves: it could not be recorded (${shut.message})`);
  return opened;
}
