import { Fault } from "@locum/contracts";
import { deadline } from "../deadline.ts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { probe } from "../http/probe.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions, RepositoryModel } from "../model-server.ts";

const modelsMax = 10_000;
const readyAskedMax = 16;

/** The repository index (Triton, MLServer), else KServe's list of names, each asked whether it is ready. */
export async function listModels(ask: Ask, options: CallOptions): Promise<RepositoryModel[]> {
  const remaining = deadline(options);
  try {
    return modelsOfIndex(await askJson(ask, { ...remaining(), path: "/v2/repository/index", post: {} }));
  } catch (fault) {
    const noIndex =
      fault instanceof Fault && (fault.code === "upstream-refused" || fault.code === "upstream-protocol");
    if (!noIndex) throw fault;
    const names = await namesOf(ask, remaining());
    if (!names) throw fault;
    return Promise.all(
      names.map((name, i) => withState(ask, { name, asked: i < readyAskedMax }, remaining())),
    );
  }
}

/** The entries of a repository index, as REST and gRPC name their fields alike. */
export function modelsOfIndex(said: unknown): RepositoryModel[] {
  if (!Array.isArray(said)) throw new Fault("upstream-protocol", "repository index: no list");
  return said.slice(0, modelsMax).flatMap((entry) => {
    if (!isObject(entry) || typeof entry.name !== "string") return [];
    const { name, version, state } = entry;
    return {
      name,
      ...(typeof version === "string" && version !== "" ? { version } : {}),
      // Triton lists models of its repository that were never loaded without a state.
      state: typeof state === "string" && state !== "" ? state : "UNAVAILABLE",
    };
  });
}

async function namesOf(ask: Ask, options: CallOptions): Promise<string[] | undefined> {
  const said = await askJson(ask, { ...options, path: "/v2/models" }).catch(() => undefined);
  if (!isObject(said) || !Array.isArray(said.models)) return undefined;
  return said.models.filter((name) => typeof name === "string").slice(0, modelsMax);
}

async function withState(
  ask: Ask,
  { name, asked }: { name: string; asked: boolean },
  options: CallOptions,
): Promise<RepositoryModel> {
  if (!asked) return { name, state: "UNKNOWN" };
  const { ok, detail } = await probe(ask, `/v2/models/${encodeURIComponent(name)}/ready`, options);
  return { name, state: ok ? "READY" : detail === "status" ? "UNAVAILABLE" : "UNKNOWN" };
}
