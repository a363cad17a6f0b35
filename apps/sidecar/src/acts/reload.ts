import { type Act, Fault } from "@locum/contracts";
import { type ActContext, done, failed, type Outcome } from "./act-context.ts";
import { loadOtherwise } from "./load-otherwise.ts";
import { inMaintenance, whileDrained } from "./maintenance.ts";
import { type ModelScope, namesOf, scopeOf } from "./model-scope.ts";
import { proveAll } from "./prove.ts";

/** A large model takes its time to be read. */
const loadMsMax = 120_000;

type Reload = Extract<Act, { kind: "reload" }>;

/** Makes the server read its files again, drained, and asks all goldens; of some models only where the act names them. */
export async function reload(context: ActContext, act: Reload): Promise<Outcome> {
  const scope = scopeOf(context, act.models);
  const work = async () => {
    const ended = await inMaintenance(context, "reload", () => reloadServer(context, scope), scope);
    if (ended.outcome !== "done") return ended;
    return proveAll(context, context.clock.monotonicMs(), ended.detail, scope);
  };
  return whileDrained(context, "reload", work, scope);
}

/** The reload alone. A server that cannot reload is restarted where a driver is configured: the files must be read. */
export async function reloadServer(context: ActContext, scope: ModelScope = null): Promise<Outcome> {
  const load = async (model: string) => {
    try {
      return await context.upstream.server().reload(model, { timeoutMs: loadMsMax });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { outcome: "load-failed" as const, detail: error.message };
    }
  };
  try {
    const models = namesOf(scope ?? (await modelsToLoad(context)));
    if (models.length === 0) return failed("model-unknown", "the server names no model that could be loaded");
    for (const model of models) {
      const { outcome, detail } = await load(model);
      if (outcome === "loaded") continue;
      const ended = await loadOtherwise(context, {
        model,
        outcome,
        detail,
        scope,
        load: () => load(model),
      });
      if (ended) return ended;
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
