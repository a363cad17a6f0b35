import { Fault } from "@locum/contracts";
import { deadline } from "../deadline.ts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { CallOptions, ProbeOutcome, RepositoryModel } from "../model-server.ts";

const modelsMax = 10_000;
const statusAskedMax = 16;
const bytesMax = 4 * 1024 * 1024;

/** What `GET /v1/models/M` says: KServe a truth value, TensorFlow Serving a list of versions with their states. */
export type V1Status =
  | { kind: "ready"; ready: boolean }
  | { kind: "versions"; versions: { version: string; state: string }[] };

export async function v1Status(ask: Ask, model: string, options: CallOptions): Promise<V1Status> {
  const path = `/v1/models/${encodeURIComponent(model)}`;
  const said = await askJson(ask, { ...options, path, answerBytesMax: bytesMax }).catch((fault: unknown) => {
    throw isNotFound(fault)
      ? new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`)
      : fault;
  });
  const status = readV1Status(said);
  if (!status) throw new Fault("upstream-protocol", `GET ${path}: no status of a model`);
  return status;
}

export function readV1Status(said: unknown): V1Status | undefined {
  if (!isObject(said)) return undefined;
  if (Array.isArray(said.model_version_status)) {
    const versions = said.model_version_status.slice(0, modelsMax).filter(isObject);
    return {
      kind: "versions",
      versions: versions.map(({ version, state }) => ({ version: String(version), state: String(state) })),
    };
  }
  // KServe before 0.11 wrote Python's True as a text.
  if (typeof said.name !== "string" || !/^(true|false)$/i.test(String(said.ready))) return undefined;
  return { kind: "ready", ready: /^true$/i.test(String(said.ready)) };
}

/** KServe's list of names, each asked for its status. TensorFlow Serving keeps none: `upstream-refused`. */
export async function listV1Models(ask: Ask, options: CallOptions): Promise<RepositoryModel[]> {
  const remaining = deadline(options);
  const said = await askJson(ask, { ...remaining(), path: "/v1/models" });
  const names = readV1List(said);
  if (!names) throw new Fault("upstream-protocol", "GET /v1/models: no list of names");
  const lists = await Promise.all(
    names.map(async (name, index) =>
      index < statusAskedMax
        ? modelsOf(name, await v1Status(ask, name, remaining()).catch(() => undefined))
        : [{ name, state: "UNKNOWN" }],
    ),
  );
  return lists.flat();
}

export function readV1List(said: unknown): string[] | undefined {
  if (!isObject(said) || !Array.isArray(said.models)) return undefined;
  const names = said.models.filter((name) => typeof name === "string");
  return names.length === said.models.length ? names.slice(0, modelsMax) : undefined;
}

/** One line a version; a version that serves is READY, whatever its server calls that. */
export function modelsOf(name: string, status: V1Status | undefined): RepositoryModel[] {
  if (!status) return [{ name, state: "UNKNOWN" }];
  if (status.kind === "ready") return [{ name, state: status.ready ? "READY" : "UNAVAILABLE" }];
  return status.versions.map(({ version, state }) => ({
    name,
    version,
    state: state === "AVAILABLE" ? "READY" : state,
  }));
}

/**
 * Neither server has a health route of its own in v1. Any answer of this protocol says that the process lives: a list
 * of models, or the JSON error with which TensorFlow Serving answers that it has none.
 */
export async function v1Live(ask: Ask, options: CallOptions): Promise<ProbeOutcome> {
  return judge(ask, { ...options, path: "/v1/models" }, (said, status) => {
    if (status < 300) return readV1List(said) !== undefined;
    return status < 500 && isObject(said) && "error" in said;
  });
}

export async function v1Ready(
  ask: Ask,
  model: string | undefined,
  options: CallOptions,
): Promise<ProbeOutcome> {
  if (model === undefined) return v1Live(ask, options);
  return judge(ask, { ...options, path: `/v1/models/${encodeURIComponent(model)}` }, (said, status) => {
    const read = status < 300 ? readV1Status(said) : undefined;
    return modelsOf(model, read).some(({ state }) => state === "READY");
  });
}

async function judge(
  ask: Ask,
  { path, timeoutMs, signal }: CallOptions & { path: string },
  isYes: (said: unknown, status: number) => boolean,
): Promise<ProbeOutcome> {
  const outcome = await ask({ method: "GET", path, timeoutMs, signal, answerBytesMax: bytesMax });
  const { latencyMs } = outcome;
  if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
  const { status, body } = outcome;
  const said = jsonOf(body);
  if (isYes(said, status)) return { ok: true, latencyMs, detail: "ok", status };
  const isOther = status >= 200 && status < 300 && !isObject(said);
  return { ok: false, latencyMs, detail: isOther ? "protocol" : "status", status };
}

function jsonOf(body: Buffer): unknown {
  try {
    return readJson(body, "upstream-protocol");
  } catch {
    return undefined;
  }
}

function isNotFound(fault: unknown): boolean {
  return fault instanceof Fault && (fault.cause as { status?: number } | undefined)?.status === 404;
}
