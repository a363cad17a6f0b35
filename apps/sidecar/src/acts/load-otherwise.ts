import type { ReloadAnswer } from "@locum/serving";
import { type ActContext, failed, type Outcome } from "./act-context.ts";
import { isAnswering } from "./is-answering.ts";
import type { ModelScope } from "./model-scope.ts";
import { restartServer } from "./restart.ts";

/**
 * What is left where a server did not load a model: a restart, where it cannot load at all or has lost the model over
 * it; never where the model from before goes on answering, since a restart could take that away too. Null where it is
 * loaded after all.
 */
export async function loadOtherwise(
  context: ActContext,
  {
    model,
    outcome,
    detail,
    scope,
    load,
  }: Omit<ReloadAnswer, "reloaded"> & {
    model: string;
    scope: ModelScope;
    load: () => Promise<Omit<ReloadAnswer, "reloaded">>;
  },
): Promise<Outcome | null> {
  const { restartDriver } = context;
  const said = `${model}: ${detail}`;
  // A restart takes the neighbours with it: for one bad model of several it is a person's to ask for.
  const mayRestart = restartDriver !== null && !scope;
  if (outcome === "unsupported") {
    if (mayRestart) return restartServer(context);
    const why = scope ? "a restart takes the other models with it" : "no restart driver is configured";
    return failed("upstream-refused", `${said}: what is in memory stays until a restart, and ${why}`);
  }
  if (await isAnswering(context, model))
    return failed("upstream-refused", `${said}: the model from before goes on answering`);
  if (mayRestart) {
    const restarted = await restartServer(context);
    return { ...restarted, detail: `${said}: the model was gone; ${restarted.detail}` };
  }
  const again = await load();
  return again.outcome === "loaded"
    ? null
    : failed("upstream-refused", `${said}: the model is gone, also after a second load: ${again.detail}`);
}
