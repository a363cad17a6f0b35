import { mkdir } from "node:fs/promises";
import { Fault, type Release } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import { fillTree, openTwin } from "@locum/snapshot";
import { type Claim, createClaims } from "./claim.ts";
import type { SidecarConfig } from "./config.ts";
import type { Parts } from "./parts.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import { sparePlaces } from "./spare-keeper.ts";

/**
 * Before the sidecar says that it lives, and so before anything that waits for it: a model folder that is empty, or
 * lacks files, gets those of the newest approved release of which a verified copy is kept. What is there already is
 * never changed. Whatever goes wrong is told, and the start goes on: without this the model would start as well.
 */
export async function fillModel({
  config,
  shelf,
  record,
  clock,
  log,
}: {
  config: SidecarConfig;
  shelf: ReleaseShelf;
  record: Parts["record"];
  clock: Clock;
  log: Log;
}): Promise<void> {
  const { modelDir: dir } = config.instance;
  const { spareDir, onSourceFailure } = config.service.snapshot;
  if (onSourceFailure !== "use-snapshot" || spareDir === undefined || dir === undefined) return;
  const places = sparePlaces(spareDir);
  let claim: Claim | null = null;
  try {
    await mkdir(spareDir, { recursive: true, mode: 0o700 });
    claim = await waitForClaim(places.claim, config.instance.id, clock);
    await shelf.rescan();
    for (const release of shelf.approved())
      if (await fillFrom(release, { dir, twinRoot: places.twinRoot, record, log })) return;
    log("warn", "no verified copy of an approved release is kept: the model folder stays as it is", {
      path: spareDir,
    });
  } catch (error) {
    log("error", "the model folder was not filled", { path: dir, error });
    const reason = error instanceof Fault ? error.message : "it failed";
    await record({ kind: "restore.result", reason, facts: { outcome: "failed", tookMs: 0 } });
  } finally {
    await claim?.release();
  }
}

/** True where this release decides: its copy is there, and the folder was looked at. */
async function fillFrom(
  { digest: release, body: { tree } }: Release,
  { dir, twinRoot, record, log }: { dir: string; twinRoot: string; record: Parts["record"]; log: Log },
): Promise<boolean> {
  if (!tree) return false;
  const startedMs = performance.now();
  try {
    const { source } = await openTwin({ dir, twinRoot, digest: tree.digest, verify: "names" });
    const filled = await fillTree({
      dir,
      target: tree,
      source,
      async onWrite() {
        await record({
          kind: "restore.intent",
          reason: "the model folder lacks files at the start: a kept copy fills it",
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
    if (!(error instanceof Fault) || !/^snapshot-/.test(error.code)) throw error;
    if (error.code === "snapshot-corrupt")
      log("warn", "a kept copy does not verify and is not used", { error });
    return false;
  }
}

/** A pod that fills the same folder is waited for: then nothing is left to do. */
async function waitForClaim(file: string, owner: string, clock: Clock): Promise<Claim> {
  const claims = createClaims({ file, owner, clock });
  // Nothing listens yet, and a clock's sleep keeps no process alive.
  const alive = setInterval(() => undefined, 60_000);
  try {
    for (;;) {
      const claim = await claims.take();
      if (claim) return claim;
      await clock.sleep(1000);
    }
  } finally {
    clearInterval(alive);
  }
}
