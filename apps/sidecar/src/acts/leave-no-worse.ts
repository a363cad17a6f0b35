import { type Digest, Fault, type Tree } from "@locum/contracts";
import { createPace, openDisplaced, restoreTree, systemClock } from "@locum/snapshot";
import type { BytesWatch } from "../bytes-watch.ts";
import { type ActContext, failed, type Outcome } from "./act-context.ts";
import { isAnswering } from "./is-answering.ts";
import type { ModelScope } from "./model-scope.ts";
import { reloadServer } from "./reload.ts";

export type FailedLoad = {
  bytes: BytesWatch;
  dir: string;
  scope: ModelScope;
  models: readonly string[];
  /** What is in place now, what was there before, and where that was put. */
  target: Digest;
  former: Tree | null;
  displaced: string | null;
  /** Whether the model from before answered, rightly or not, when the restore began. */
  served: boolean;
  /** The restore's own word, and the load's. */
  told: string;
  code: string;
  /** Puts the files of the release in place again. */
  restoreAgain: (judged: Digest) => Promise<Outcome>;
};

const bytesPerSecond = 400e6;

/**
 * After a restore whose files do not load: the instance must be no worse off than before it. Where the model from
 * before is gone over it, its files are put back and loaded; where those do not load any more either, the release's
 * files stay for the next start. It is a failure in every case, and says which.
 */
export async function leaveNoWorse(context: ActContext, load: FailedLoad): Promise<Outcome> {
  const { told, code, scope, models, served, former, displaced, target } = load;
  if (!served) return failed(code, told);
  const answers = await Promise.all(models.map((model) => isAnswering(context, model)));
  if (answers.length > 0 && answers.every(Boolean)) return failed(code, told);
  if (!former || displaced === null) return failed(code, `${told}; nothing was displaced that could go back`);
  const problem = await putFormer(context, load, { tree: former, displaced, expected: target });
  if (problem !== null) return failed(code, `${told}; the files from before could not go back: ${problem}`);
  const again = await reloadServer(context, scope);
  if (again.outcome === "done")
    return failed(code, `${told}; the files from before are back and loaded: it serves what it served`);
  const forward = await load.restoreAgain(former.digest);
  const end = forward.outcome === "done" ? "so those of the release are in place again" : forward.detail;
  return failed(code, `${told}; the files from before do not load any more either, ${end}: ${again.detail}`);
}

/** Null where they are in place, else what stood against it. */
async function putFormer(
  { config }: ActContext,
  { bytes, dir }: FailedLoad,
  { tree, displaced, expected }: { tree: Tree; displaced: string; expected: Digest },
): Promise<string | null> {
  try {
    await restoreTree({
      dir,
      expected,
      target: tree,
      source: openDisplaced({ displaced, tree }),
      known: bytes.live() ?? undefined,
      keepDisplaced: config.service.snapshot.keepDisplaced,
      pace: createPace({ bytesPerSecond, clock: systemClock }),
    });
    return null;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.message;
  } finally {
    await bytes.check();
  }
}
