import { setTimeout as wait } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import { accepted, errorText, questionOf } from "./ask-json.ts";
import type { Ask, Exchanged } from "./exchange.ts";
import type { CallOptions, ReloadAnswer } from "./model-server.ts";
import { probe } from "./oip-probe.ts";
import type { ServerIdentity } from "./oip-server.ts";

/**
 * Servers whose load always reads the files again, and that keep the old model where that fails. Triton's does
 * nothing where no file changed: memory gone bad would stay. It and every unknown server unload first.
 */
const loadReadsAgain = new Set(["mlserver", "kserve", "locum-model-server"]);
const stateAskedMs = 20;

export async function reloadModel(
  ask: Ask,
  { model, server }: { model: string; server: ServerIdentity | undefined },
  remaining: () => CallOptions,
): Promise<ReloadAnswer> {
  const act = (name: string) =>
    ask(
      questionOf({
        path: `/v2/repository/models/${encodeURIComponent(model)}/${name}`,
        post: {},
        ...remaining(),
      }),
    );
  const isReady = () => probe(ask, `/v2/models/${encodeURIComponent(model)}/ready`, remaining());

  if (!loadReadsAgain.has(server?.name ?? "")) {
    const unloaded = await act("unload");
    if (isUnsupported(unloaded)) return unsupported(unloaded);
    // A model that was not loaded cannot be unloaded; loading it is what is asked for.
    if (unloaded.kind === "failed") accepted(unloaded, `unload ${model}`);
    // Unloading goes on behind the answer: it waits for requests in flight.
    while ((await isReady()).ok) {
      const { timeoutMs, signal } = remaining();
      if (timeoutMs <= 1 || signal?.aborted)
        throw new Fault("upstream-timeout", `unload ${model}: still served`);
      await wait(stateAskedMs);
    }
  }
  const loaded = await act("load");
  if (isUnsupported(loaded)) return unsupported(loaded);
  if (loaded.kind === "failed") accepted(loaded, `load ${model}`);
  const failure = textOfFailure(loaded);
  if (failure !== undefined) return { reloaded: false, outcome: "load-failed", detail: failure };
  const ready = await isReady();
  return ready.ok
    ? { reloaded: true, outcome: "loaded", detail: "loaded" }
    : { reloaded: false, outcome: "load-failed", detail: `loaded, yet not ready (${ready.detail})` };
}

/** No such route, or Triton's refusal where its models are fixed at start or polled. */
function isUnsupported(outcome: Exchanged): boolean {
  if (outcome.kind !== "answer" || outcome.status < 400) return false;
  const said = errorText(outcome.body);
  const noRoute =
    [404, 405, 501].includes(outcome.status) &&
    /^(not found|method not allowed|not implemented)?$/i.test(said);
  return noRoute || /not allowed|not supported|unsupported/i.test(said);
}

function unsupported(outcome: Exchanged): ReloadAnswer {
  const detail = textOfFailure(outcome) ?? "no reload";
  return { reloaded: false, outcome: "unsupported", detail };
}

function textOfFailure(outcome: Exchanged): string | undefined {
  if (outcome.kind === "failed") return outcome.reason;
  if (outcome.status >= 200 && outcome.status < 300) return undefined;
  return `status ${outcome.status} ${errorText(outcome.body)}`.trim();
}
