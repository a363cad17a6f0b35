import { setTimeout as wait } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import type { CallOptions, ProbeOutcome, ReloadAnswer } from "../model-server.ts";

/**
 * Servers whose load always reads the files again, and that keep the old model where that fails. Triton's does
 * nothing where no file changed: memory gone bad would stay. It and every unknown server unload first.
 */
const loadReadsAgain = new Set(["mlserver", "kserve", "locum-model-server"]);
const stateAskedMs = 20;

/** What a server made of a load or an unload, `refused` in its own words. */
export type RepositoryAct =
  | { kind: "done" }
  | { kind: "refused"; detail: string }
  | { kind: "unsupported"; detail: string };

/** The repository extension of one protocol, for one model. `act` throws a Fault where no answer came. */
export type ModelRepository = {
  model: string;
  serverName: string | undefined;
  act(name: "load" | "unload"): Promise<RepositoryAct>;
  isReady(): Promise<ProbeOutcome>;
};

/** The same steps over REST and gRPC: see `ModelServer.reload`. */
export async function reloadModel(
  { model, serverName, act, isReady }: ModelRepository,
  remaining: () => CallOptions,
): Promise<ReloadAnswer> {
  if (!loadReadsAgain.has(serverName ?? "")) {
    const unloaded = await act("unload");
    if (unloaded.kind === "unsupported") return unsupported(unloaded);
    // A model that was not loaded cannot be unloaded: a refusal says nothing, and loading is what is asked for.
    // Unloading goes on behind the answer: it waits for requests in flight.
    while ((await isReady()).ok) {
      const { timeoutMs, signal } = remaining();
      if (timeoutMs <= 1 || signal?.aborted) {
        throw new Fault("upstream-timeout", `unload ${model}: still served`);
      }
      await wait(stateAskedMs);
    }
  }
  const loaded = await act("load");
  if (loaded.kind === "unsupported") return unsupported(loaded);
  if (loaded.kind === "refused") {
    return { reloaded: false, outcome: "load-failed", detail: loaded.detail };
  }
  const ready = await isReady();
  return ready.ok
    ? { reloaded: true, outcome: "loaded", detail: "loaded" }
    : { reloaded: false, outcome: "load-failed", detail: `loaded, yet not ready (${ready.detail})` };
}

/** What Triton says where its models are fixed at start or polled, and others of an extension that they lack. */
export function saysUnsupported(text: string): boolean {
  return /not allowed|not supported|unsupported/i.test(text);
}

function unsupported({ detail }: { detail: string }): ReloadAnswer {
  return { reloaded: false, outcome: "unsupported", detail };
}
