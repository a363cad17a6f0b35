import { statfs } from "node:fs/promises";
import { type Act, Fault, type Tree } from "@locum/contracts";
import { createPace, restoreTree, systemClock } from "@locum/snapshot";
import type { BytesWatch } from "../bytes-watch.ts";
import type { OpenSources } from "../sources/tree-sources.ts";
import { type ActContext, done, failed, type Outcome, refused, treeOf } from "./act-context.ts";
import { leaveNoWorse } from "./leave-no-worse.ts";
import { inMaintenance, whileDrained } from "./maintenance.ts";
import { namesOf, scopeOf } from "./model-scope.ts";
import { proveAll } from "./prove.ts";
import { reloadServer } from "./reload.ts";

type Restore = Extract<Act, { kind: "restore" }>;
/** `byUs`: the last to write was this act itself. */
type Job = { bytes: BytesWatch; dir: string; tree: Tree; act: Restore; byUs?: boolean };

/** Fast, and still no load that a request would feel. */
const bytesPerSecond = 400e6;

/**
 * Puts the files of a release in place, only while they still are what was judged and nobody writes; loads them where
 * the loaded model is wrong too. It is done when the goldens say so.
 */
export async function restore(context: ActContext, act: Restore): Promise<Outcome> {
  const { config, releases } = context;
  const bytes = context.bytes();
  const dir = config.instance.modelDir;
  const tree = treeOf(releases.find(act.release));
  if (!bytes || dir === undefined) return refused("refused", "no model folder is watched here");
  if (!tree) return refused("snapshot-missing", `${act.release} is no approved release with files`);
  if (!config.keepsVolume) return refused("refused", "another instance of this volume restores it");
  if (await wasApproved(context))
    return refused("tree-changed", "the files are an approved release since a moment ago");
  const job = { bytes, dir, tree, act };
  if (!act.reload) {
    const ended = await putBack(context, job);
    return ended.outcome === "done" ? proveAll(context, context.clock.monotonicMs(), ended.detail) : ended;
  }
  // Asked before anything is drained: a deploy under way must not feel that somebody wanted to restore.
  if (await isBeingWritten(context, bytes)) return writing;
  const scope = scopeOf(context, act.models);
  const served = hasAnswered(context);
  const replace = async () => {
    const former = bytes.live()?.tree ?? null;
    const back = await putBack(context, job);
    if (back.outcome !== "done") return back;
    const loaded = await reloadServer(context, scope);
    const told = `${back.detail}; ${loaded.detail}`;
    if (loaded.outcome === "done") return done(told);
    return leaveNoWorse(context, {
      bytes,
      dir,
      scope,
      models: namesOf(scope ?? context.models()),
      target: tree.digest,
      former,
      displaced: back.displaced,
      served,
      told,
      code: loaded.code,
      restoreAgain: (judged) => putBack(context, { ...job, act: { ...act, judged }, byUs: true }),
    });
  };
  const work = async () => {
    const ended = await inMaintenance(context, "restore", replace, scope);
    if (ended.outcome !== "done") return ended;
    return proveAll(context, context.clock.monotonicMs(), ended.detail, scope);
  };
  return whileDrained(context, "restore", work, scope);
}

/** A deploy whose approval came after its files: what was judged as nobody's is not nobody's any more. */
async function wasApproved({ drive, rescan }: ActContext): Promise<boolean> {
  const before = drive.state().health.bytes.state;
  await rescan();
  drive.turn();
  return before === "unapproved" && drive.state().health.bytes.state === "approved";
}

/** Whether the loaded model answered until now, rightly or not. */
function hasAnswered({ drive }: ActContext): boolean {
  const { verdict } = drive.state().health;
  return verdict.kind !== "failed" || verdict.failure === "wrong-output" || verdict.failure === "not-finite";
}

const writing = refused("tree-changed", "the files are being written");

async function putBack(
  context: ActContext,
  { bytes, dir, tree, act, byUs = false }: Job,
): Promise<Outcome & { displaced: string | null }> {
  const { config, clock, sources } = context;
  const startedMs = clock.monotonicMs();
  const writerSeen = async () => !byUs && (await isBeingWritten(context, bytes));
  if (await writerSeen()) return { ...writing, displaced: null };
  let source: OpenSources | undefined;
  try {
    source = await sources?.open(act.release, tree);
    if (!source) throw new Fault("snapshot-missing", "no source is configured");
    const known = bytes.live() ?? undefined;
    await assertSpace(dir, missingBytes(tree, known?.tree));
    const { restored, removed, displaced } = await restoreTree({
      dir,
      expected: act.judged,
      target: tree,
      source,
      known,
      writerSeen,
      keepDisplaced: config.service.snapshot.keepDisplaced,
      pace: createPace({ bytesPerSecond, clock: systemClock }),
    });
    await bytes.check();
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const kept = displaced ? `; the former ones are kept in ${displaced}` : "";
    const told = `${restored.length} files put back, ${removed.length} removed in ${tookMs} ms${fromWhere(source)}${kept}`;
    return { ...done(told), displaced };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // The compare of the compare-and-swap: nothing was touched, and what is there now is judged anew.
    await bytes.check();
    const again = error.code === "tree-changed" || error.code === "refused";
    const ended = again ? refused(error.code, error.message) : failed(error.code, error.message);
    return { ...ended, displaced: null };
  } finally {
    // A copy that is not right is made anew, wherever the bytes came from this time.
    if (!source || source.faults().twin) bytes.forget(tree.digest);
    await source?.close();
  }
}

/** A clone of the twin is no reading: only what was read is told. */
function fromWhere(source: OpenSources): string {
  const parts = Object.entries(source.bytesFrom()).filter(([name]) => name !== "twin");
  return parts.length === 0
    ? ""
    : `, ${parts.map(([name, count]) => `${count} bytes from ${name}`).join(", ")}`;
}

const missingBytes = (tree: Tree, live: Tree | undefined): number => {
  const there = new Map(live?.files.map(({ path, digest }) => [path, digest]));
  return tree.files.reduce((sum, { path, digest, size }) => sum + (there.get(path) === digest ? 0 : size), 0);
};

/** Files are written beside the live ones first. @throws Fault disk-full: before anything is fetched */
async function assertSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize >= bytes) return;
  throw new Fault("disk-full", `${bytes} bytes are to be put back, ${bavail * bsize} are free beside ${dir}`);
}

async function isBeingWritten({ config }: ActContext, bytes: BytesWatch): Promise<boolean> {
  await bytes.check();
  return bytes.quietMs() < config.service.snapshot.settleMs;
}
