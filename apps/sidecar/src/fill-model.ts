import { mkdir } from "node:fs/promises";
import { Fault, type Release } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import { fillTree } from "@locum/snapshot";
import { type Claim, createClaims } from "./claim.ts";
import type { SidecarConfig } from "./config.ts";
import type { Parts } from "./parts.ts";
import type { OpenSources, TreeSources } from "./sources/tree-sources.ts";
import { sparePlaces } from "./spare-keeper.ts";

const peersAnswerMs = 500;
/** What is wrong with the folder is so with every release; what is wrong with a source leaves the next release to be tried. */
const ofTheFolder: ReadonlySet<string> = new Set(["disk-full", "tree-changed", "refused"]);

/**
 * Before the sidecar says that it lives, and so before anything that waits for it: a model folder that is empty, or
 * lacks files, gets those of the newest approved release that a source has. What is there already is
 * never changed. Whatever goes wrong is told, and the start goes on: without this the model would start as well.
 */
export async function fillModel({
  config,
  shelf,
  sources,
  record,
  askPeers,
  clock,
  log,
}: Pick<Parts, "shelf" | "sources" | "record"> & {
  config: SidecarConfig;
  /** Asks the peers what they hold; they answer within half a second or not at all. */
  askPeers: () => void;
  clock: Clock;
  log: Log;
}): Promise<void> {
  const { modelDir: dir } = config.instance;
  const { spareDir, onSourceFailure } = config.service.snapshot;
  if (onSourceFailure !== "use-snapshot" || dir === undefined || !sources) return;
  let claim: Claim | null = null;
  // Nothing listens yet, and a clock's sleep, of whoever is asked again, keeps no process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    if (spareDir !== undefined) {
      await mkdir(spareDir, { recursive: true, mode: 0o700 });
      claim = await waitForClaim(sparePlaces(spareDir).claim, config.instance.id, clock);
    }
    await shelf.rescan();
    if (config.service.snapshot.peers) {
      askPeers();
      await clock.sleep(peersAnswerMs);
    }
    for (const release of shelf.approved())
      if (await fillFrom(release, { dir, sources, record, log })) return;
    log("warn", "no source has the files of an approved release: the model folder stays as it is", {
      path: dir,
    });
  } catch (error) {
    log("error", "the model folder was not filled", { path: dir, error });
    const reason = error instanceof Fault ? error.message : "it failed";
    await record({ kind: "restore.result", reason, facts: { outcome: "failed", tookMs: 0 } });
  } finally {
    await claim?.release();
    clearInterval(alive);
  }
}

/** True where this release decides: its copy is there, and the folder was looked at. */
async function fillFrom(
  { digest: release, body: { tree } }: Release,
  { dir, sources, record, log }: { dir: string; sources: TreeSources; record: Parts["record"]; log: Log },
): Promise<boolean> {
  if (!tree) return false;
  const startedMs = performance.now();
  let source: OpenSources | undefined;
  try {
    source = await sources.open(release, tree, { without: ["live files"] });
    const filled = await fillTree({
      dir,
      target: tree,
      source,
      async onWrite() {
        await record({
          kind: "restore.intent",
          reason: "the model folder lacks files at the start: kept ones fill it",
          facts: { release },
        });
      },
    });
    if (filled.outcome === "foreign")
      log("info", "the model folder holds other files than the kept copy, and stays", {
        path: dir,
        reason: filled.path,
      });
    if (filled.outcome !== "filled") return true;
    const reason = `${filled.restored.length} files were put into the model folder before the start`;
    log("warn", reason, { path: dir, digest: tree.digest, release });
    const tookMs = Math.round(performance.now() - startedMs);
    await record({ kind: "restore.result", reason, facts: { outcome: "done", release, tookMs } });
    return true;
  } catch (error) {
    if (!(error instanceof Fault) || ofTheFolder.has(error.code)) throw error;
    if (error.code !== "snapshot-missing") log("warn", "what is kept of a release is not used", { error });
    return false;
  } finally {
    await source?.close();
  }
}

/** A pod that fills the same folder is waited for: then nothing is left to do. */
async function waitForClaim(file: string, owner: string, clock: Clock): Promise<Claim> {
  const claims = createClaims({ file, owner, clock });
  for (;;) {
    const claim = await claims.take();
    if (claim) return claim;
    await clock.sleep(1000);
  }
}
