import { accepted, errorText, questionOf } from "../http/ask-json.ts";
import type { Ask, Exchanged } from "../http/exchange.ts";
import { probe } from "../http/probe.ts";
import type { CallOptions } from "../model-server.ts";
import { type ModelRepository, type RepositoryAct, saysUnsupported } from "../oip-v2/reload.ts";

/** The model repository extension over REST. */
export function restRepository(
  ask: Ask,
  { model, serverName }: { model: string; serverName: string | undefined },
  remaining: () => CallOptions,
): ModelRepository {
  const name = encodeURIComponent(model);
  return {
    model,
    serverName,
    async act(act) {
      const path = `/v2/repository/models/${name}/${act}`;
      return read(await ask(questionOf({ path, post: {}, ...remaining() })), `${act} ${model}`);
    },
    isReady: () => probe(ask, `/v2/models/${name}/ready`, remaining()),
  };
}

function read(outcome: Exchanged, what: string): RepositoryAct {
  if (outcome.kind === "failed") {
    accepted(outcome, what);
    return { kind: "refused", detail: outcome.reason };
  }
  if (outcome.status >= 200 && outcome.status < 300) return { kind: "done" };
  const said = errorText(outcome.body);
  const detail = `status ${outcome.status} ${said}`.trim();
  const noRoute =
    [404, 405, 501].includes(outcome.status) &&
    /^(not found|method not allowed|not implemented)?$/i.test(said);
  const isUnsupported = noRoute || (outcome.status >= 400 && saysUnsupported(said));
  return { kind: isUnsupported ? "unsupported" : "refused", detail };
}
