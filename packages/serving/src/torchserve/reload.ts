import { basename, join } from "node:path";
import { Fault } from "@locum/contracts";
import type { CallOptions, ReloadAnswer } from "../model-server.ts";
import type { Management, Registered } from "./management.ts";
import { checkMarArchive } from "./mar-archive.ts";

/**
 * TorchServe reads an archive only when a model is registered, and a name can be registered only once: the old one must
 * go first, and nothing brings it back where the new one does not load. So the new one is proven first, by its bytes
 * where they are at hand, then by a registration under another name with a worker of its own, which costs the memory of
 * a second copy for that time.
 */
export async function reloadTorchserve(
  management: Management,
  { model, modelDir }: { model: string; modelDir: string | undefined },
  remaining: () => CallOptions,
): Promise<ReloadAnswer> {
  const versions = await management.describeAll(model, remaining()).catch((fault: unknown) => {
    if (fault instanceof Fault && fault.code === "model-unknown") return [];
    throw fault;
  });
  const [registered] = versions;
  // Unregistered by a load that failed, or by hand: there is nothing to lose.
  if (!registered)
    return registerAgain(management, { model, registered: unknown(management, model) }, remaining);
  if (versions.length > 1)
    return {
      reloaded: false,
      outcome: "unsupported",
      detail: `${model} has ${versions.length} versions, and TorchServe unregisters no default version beside others`,
    };
  const doubt = await doubtOf(management, { model, modelDir, registered }, remaining);
  if (doubt !== undefined) return loadFailed(`${doubt}; the model from before was left as it was`);
  const gone = await management.unregister(model, remaining());
  if (!gone.ok && gone.status !== 404) return loadFailed(`it could not be unregistered: ${gone.said}`);
  return registerAgain(management, { model, registered }, remaining);
}

type Subject = { model: string; modelDir: string | undefined; registered: Registered };

/** Why the archive would not load; undefined where it would. */
async function doubtOf(
  management: Management,
  { model, modelDir, registered }: Subject,
  remaining: () => CallOptions,
): Promise<string | undefined> {
  if (modelDir !== undefined) {
    const { timeoutMs, signal } = remaining();
    const bound = AbortSignal.any([AbortSignal.timeout(Math.ceil(timeoutMs)), ...(signal ? [signal] : [])]);
    const file = join(modelDir, basename(registered.modelUrl));
    const fault = await checkMarArchive(file, bound).catch((error: unknown) => error);
    // An archive that is elsewhere is for the trial to judge.
    if (fault instanceof Fault && fault.code !== "not-found") return fault.message;
    if (fault !== undefined && !(fault instanceof Fault)) throw fault;
  }
  return trialOf(management, { model, registered }, remaining);
}

async function trialOf(
  management: Management,
  { model, registered }: Omit<Subject, "modelDir">,
  remaining: () => CallOptions,
): Promise<string | undefined> {
  const name = `${model}-locum-trial`;
  const startedMs = performance.now();
  // One that was left by a reload that did not come to its end.
  await management.unregister(name, remaining());
  const trial = await management.register(
    { url: registered.modelUrl, name, workers: 1, like: registered },
    { ...remaining(), timeoutMs: remaining().timeoutMs / 2 },
  );
  const tookMs = performance.now() - startedMs;
  await management.unregister(name, atLeast(remaining(), 2000));
  if (!trial.ok) return `a trial of its archive failed: ${trial.said}`;
  // What could not be waited for would be loaded unseen.
  if (remaining().timeoutMs < tookMs)
    return `a trial of its archive took ${Math.round(tookMs)} ms, and as much is not left for loading it`;
  return undefined;
}

async function registerAgain(
  management: Management,
  { model, registered }: Omit<Subject, "modelDir">,
  remaining: () => CallOptions,
): Promise<ReloadAnswer> {
  const { modelUrl: url, minWorkers, maxWorkers } = registered;
  // A model whose workers never started says none: it is registered to serve, so it gets one.
  const workers = Math.max(1, minWorkers);
  const made = await management.register({ url, name: model, workers, like: registered }, remaining());
  if (!made.ok) return loadFailed(`registering it failed, and no model is there now: ${made.said}`);
  if (maxWorkers > workers) await management.scaleUp(model, maxWorkers, atLeast(remaining(), 2000));
  const now = await management.describe(model, atLeast(remaining(), 2000));
  return now.workers.includes("READY")
    ? { reloaded: true, outcome: "loaded", detail: `registered again from ${url}` }
    : loadFailed(`registered, yet no worker is ready (${now.workers.join(", ") || "none"})`);
}

/** As it was when it was last seen, else as the archiver names archives, with the defaults of the server. */
const unknown = (management: Management, model: string): Registered =>
  management.remembered(model) ?? {
    version: "",
    modelUrl: `${model}.mar`,
    runtime: "",
    minWorkers: 1,
    maxWorkers: 1,
    batchSize: 0,
    maxBatchDelay: 0,
    responseTimeout: 0,
    startupTimeout: 0,
    workers: [],
  };

const loadFailed = (detail: string): ReloadAnswer => ({ reloaded: false, outcome: "load-failed", detail });

/** What tidies up after a step is asked for even where the step used up the time. */
const atLeast = ({ timeoutMs, signal }: CallOptions, leastMs: number): CallOptions => ({
  timeoutMs: Math.max(timeoutMs, leastMs),
  ...(signal ? { signal } : {}),
});
