import { performance } from "node:perf_hooks";
import { Fault } from "@locum/contracts";
import {
  type KeyOpener,
  loadIndex,
  type Manifest,
  type Recipient,
  type Repository,
} from "@locum/snapshot/repository";
import { drillSnapshot } from "./drill-snapshot.ts";
import { mendSnapshot } from "./mend-snapshot.ts";
import { moveForward } from "./move-channel.ts";
import type { Drilled, RepositoryJobs } from "./repository-jobs.ts";

type Asked = Parameters<RepositoryJobs["drill"]>[0];

/** A drill that meets damage mends what can be mended and begins again, once. One that passes moves the channels that say so. */
export async function runDrill(
  repository: Repository,
  {
    service,
    id,
    releases,
    by,
    manifest: { stub, body },
    opener,
    recipients,
    startMs,
  }: Asked & {
    manifest: Manifest;
    opener: KeyOpener;
    recipients: readonly Recipient[];
    startMs: number;
  },
): Promise<Drilled> {
  const load = () => loadIndex(repository, { for: "reader", repair: false });
  const loaded = await load();
  const planMs = performance.now() - startMs;
  const given = { body, opener, releases };
  let mended = 0;
  const read = await drillSnapshot(repository, { ...given, loaded }).catch(async (error: unknown) => {
    if (!(error instanceof Fault) || error.code !== "snapshot-corrupt") throw error;
    mended = await mendSnapshot(repository, { id, body, loaded, opener, recipients, holder: by });
    if (mended === 0) throw error;
    return drillSnapshot(repository, { ...given, loaded: await load() });
  });
  const isProven = releases.some(({ digest, proven }) => proven && digest === read.release);
  const channels = stub.torn ? [] : ["last-verified", ...(isProven ? ["last-drill-passed"] : [])];
  const moved: string[] = [];
  for (const channel of channels)
    if (await moveForward(repository, { service, channel, snapshot: id, by })) moved.push(channel);
  return { ...read, planMs, mended, moved };
}
