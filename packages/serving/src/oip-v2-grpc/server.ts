import { Fault, type ModelMetadata, splitModelKey } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions, RepositoryModel } from "../model-server.ts";
import { metadataOf } from "../oip-v2/metadata.ts";
import { modelsOfIndex } from "../oip-v2/models.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import type { Asking } from "./asking.ts";

/** What a server says of itself and of its models, over gRPC. */
export async function identifyGrpc({ small }: Asking, options: CallOptions): Promise<ServerIdentity> {
  const question = { call: "ServerMetadata", request: "Empty", answer: "ServerMetadata" };
  const { name, version, extensions } = await small(question, options);
  if (name === "") throw new Fault("upstream-protocol", "ServerMetadata: no name");
  return {
    name: String(name).slice(0, 128),
    ...(version === "" ? {} : { version: String(version).slice(0, 128) }),
    extensions: Array.isArray(extensions) ? extensions.slice(0, 256) : [],
  };
}

export async function listGrpcModels({ small }: Asking, options: CallOptions): Promise<RepositoryModel[]> {
  const question = { call: "RepositoryIndex", request: "Empty", answer: "Index" };
  const listed = modelsOfIndex((await small(question, options)).models);
  // MLServer writes the name of its own enumeration in front.
  return listed.map((model) => ({ ...model, state: model.state.replace(/^State\./, "") }));
}

export async function readGrpcMetadata(
  { small }: Asking,
  model: string,
  options: CallOptions,
): Promise<ModelMetadata> {
  const value = namedModel(model);
  const question = { call: "ModelMetadata", request: "Named", answer: "ModelMetadata", value };
  return metadataOf(await small(question, options, model));
}

/** Triton leaves the switch out of a model's configuration where its cache is off. */
export async function isGrpcCacheOn(
  { small }: Asking,
  model: string,
  options: CallOptions,
): Promise<boolean> {
  const value = namedModel(model);
  const { config } = await small(
    { call: "ModelConfig", request: "Named", answer: "ModelConfig", value },
    options,
  );
  const cache = isObject(config) ? config.response_cache : undefined;
  return isObject(cache) && cache.enable === true;
}

/** Triton's statistics of all models. Undefined where the server has none. Never throws. */
export async function countGrpc({ outcome }: Asking, options: CallOptions): Promise<number | undefined> {
  const answered = await outcome(
    { call: "ModelStatistics", request: "Named", answer: "Statistics" },
    options,
  );
  const models = answered.kind === "answer" ? answered.value?.model_stats : undefined;
  if (!Array.isArray(models)) return undefined;
  let count = 0;
  for (const { inference_stats: stats } of models) {
    for (const part of [stats?.success, stats?.fail]) count += Number(part?.count ?? 0);
  }
  return Number.isFinite(count) ? count : undefined;
}

/** `M`, or the version that `M@V` names, as the requests of this protocol say it. */
export function namedModel(key: string): { name: string; version: string } {
  const { model, version = "" } = splitModelKey(key);
  return { name: model, version };
}
