import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { CallOptions, ProbeOutcome } from "../model-server.ts";
import type { Ask } from "./exchange.ts";

const healthBytesMax = 65_536;

/**
 * One health route. Most servers answer with a status and no body; KServe adds `{"ready":true}`. A page in HTML is
 * a proxy or another program that answers everything with 200: no answer of this protocol.
 */
export async function probe(
  ask: Ask,
  path: string,
  { timeoutMs, signal }: CallOptions,
): Promise<ProbeOutcome> {
  const outcome = await ask({ method: "GET", path, timeoutMs, signal, answerBytesMax: healthBytesMax });
  const { latencyMs } = outcome;
  if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
  const { status, body } = outcome;
  if (status < 200 || status > 299) return { ok: false, latencyMs, detail: "status", status };
  if (/^\s*</.test(body.toString("latin1", 0, 64)))
    return { ok: false, latencyMs, detail: "protocol", status };
  if (saysNo(body)) return { ok: false, latencyMs, detail: "status", status };
  return { ok: true, latencyMs, detail: "ok", status };
}

function saysNo(body: Buffer): boolean {
  if (body.length === 0) return false;
  try {
    const said = readJson(body, "upstream-protocol");
    return isObject(said) && (said.ready === false || said.live === false);
  } catch {
    return false;
  }
}
