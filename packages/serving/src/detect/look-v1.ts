import type { Ask, Exchanged } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import { modelsOf, readV1List, v1Status } from "../kserve-v1/status.ts";
import type { CallOptions } from "../model-server.ts";
import { openaiKind } from "../openai/server.ts";
import type { Look, Spoke } from "./look.ts";

const bytesMax = 8 * 1024 * 1024;
const statusAskedMax = 16;

/**
 * `GET /v1/models` tells three kinds of server apart: the OpenAI API lists objects with an id, KServe names, and
 * TensorFlow Serving, which keeps no list, says that the model's name is missing.
 */
export const lookV1: Look = async (ask, remaining) => {
  const get = (path: string) => ask({ method: "GET", path, ...remaining(), answerBytesMax: bytesMax });
  const [listed, nowhere] = await Promise.all([get("/v1/models"), get("/v1/no-such-list")]);
  // A program that answers every path with JSON says nothing by this answer.
  if (listed.kind === "failed" || (isYes(nowhere) && jsonOf(nowhere) !== undefined)) return undefined;
  const said = jsonOf(listed);
  if (!isObject(said)) return undefined;
  if (listed.status === 400 && /missing model name/i.test(String(said.error)))
    return {
      protocol: "kserve-v1",
      server: { name: "tensorflow-serving", extensions: [] },
      models: [],
      modelsKnown: false,
    };
  if (!isYes(listed)) return undefined;
  return Array.isArray(said.data)
    ? openai(ask, said.data, remaining)
    : kserve(ask, readV1List(said), remaining);
};

async function openai(ask: Ask, data: unknown[], remaining: () => CallOptions): Promise<Spoke | undefined> {
  const entries = data.filter(isObject).filter(({ id }) => typeof id === "string");
  if (entries.length !== data.length) return undefined;
  const listed = entries.map(({ id, owned_by: owner }) => ({
    id: String(id),
    facts: typeof owner === "string" ? { owned_by: owner } : {},
  }));
  const kind = await openaiKind(ask, listed, remaining()).catch(() => "unknown" as const);
  return {
    protocol: "openai",
    ...(kind === "unknown" ? {} : { server: { name: kind, extensions: [] } }),
    models: listed.map(({ id }) => ({ name: id, state: "READY" })),
    modelsKnown: true,
  };
}

async function kserve(
  ask: Ask,
  names: string[] | undefined,
  remaining: () => CallOptions,
): Promise<Spoke | undefined> {
  if (!names) return undefined;
  const asked = names.slice(0, statusAskedMax);
  const statuses = await Promise.all(
    asked.map((name) => v1Status(ask, name, remaining()).catch(() => undefined)),
  );
  // A list of names alone is what many programs have; KServe also tells how each of them is.
  if (asked.length > 0 && statuses.every((status) => status === undefined)) return undefined;
  const models = names.flatMap((name, index) => modelsOf(name, statuses[index]));
  return { protocol: "kserve-v1", models, modelsKnown: true };
}

const isYes = (outcome: Exchanged): boolean =>
  outcome.kind === "answer" && outcome.status >= 200 && outcome.status < 300;

function jsonOf(outcome: Exchanged): unknown {
  if (outcome.kind === "failed") return undefined;
  try {
    return readJson(outcome.body, "upstream-protocol");
  } catch {
    return undefined;
  }
}
