import { Fault } from "@locum/contracts";
import { type ActContext, done, failed, type Outcome } from "./act-context.ts";
import { inMaintenance, whileDrained } from "./maintenance.ts";
import { proveAll } from "./prove.ts";
import { restartServer } from "./restart.ts";

/** A large model takes its time to be read. */
const loadMsMax = 120_000;

/** Makes the server read its files again, drained, and asks all goldens. */
export async function reload(context: ActContext): Promise<Outcome> {
  return whileDrained(context, "reload", async () => {
    const ended = await inMaintenance(context, "reload", () => reloadServer(context));
    if (ended.outcome !== "done") return ended;
    return proveAll(context, context.clock.monotonicMs(), ended.detail);
  });
}

/** The reload alone. A server that cannot reload is restarted where a driver is configured: the files must be read. */
export async function reloadServer(context: ActContext): Promise<Outcome> {
  const { upstream, config } = context;
  try {
    const models = await modelsToLoad(context);
    if (models.length === 0) return failed("model-unknown", "the server names no model that could be loaded");
    for (const model of models) {
      const { outcome, detail } = await upstream.server().reload(model, { timeoutMs: loadMsMax });
      if (outcome === "unsupported" && config.instance.restart) return restartServer(context);
      if (outcome !== "loaded") return failed("upstream-refused", `${model}: ${outcome}: ${detail}`);
    }
    return done(`loaded ${models.join(", ")}`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return failed(error.code, error.message);
  }
}

async function modelsToLoad({ models, upstream }: ActContext): Promise<readonly string[]> {
  if (models().length > 0) return models();
  const listed = await upstream.server().models({ timeoutMs: 5000 });
  return [...new Set(listed.filter(({ state }) => state === "READY").map(({ name }) => name))];
}
