import { randomUUID } from "node:crypto";
import { Fault, splitModelKey } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { grpcAddress } from "../grpc/address.ts";
import { openGrpcChannel } from "../grpc/channel.ts";
import { openExchange } from "../http/exchange.ts";
import { firstCount } from "../http/first-count.ts";
import { serverBase } from "../http/server-base.ts";
import type {
  CallOptions,
  InferAnswer,
  InferOptions,
  ModelServer,
  RepositoryModel,
} from "../model-server.ts";
import { openCacheKnowledge } from "../oip-v2/cache-knowledge.ts";
import { listModels } from "../oip-v2/models.ts";
import { openProgress } from "../oip-v2/progress.ts";
import { reloadModel } from "../oip-v2/reload.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import { openAsking } from "./asking.ts";
import { grpcLive, grpcReady } from "./health.ts";
import { inferGrpc } from "./infer.ts";
import { grpcRepository } from "./repository.ts";
import { countGrpc, identifyGrpc, isGrpcCacheOn, listGrpcModels, readGrpcMetadata } from "./server.ts";
import { isUnimplemented } from "./status.ts";

/**
 * Open Inference Protocol v2 over gRPC (`inference.GRPCInferenceService`), with the extensions that Triton, MLServer and
 * KServe have. `url` stays the server's HTTP base: what a server offers there alone (its metrics, KServe's list of
 * models) is asked there.
 */
export function connectOipV2Grpc({
  metricsUrl,
  grpc,
  nonce = randomUUID,
  ...options
}: Omit<ConnectOptions, "protocol">): ModelServer {
  const http = openExchange(options);
  const channel = openGrpcChannel({ ...options, ...grpcTarget(options, grpc) });
  const asking = openAsking(channel.ask);
  let identity: ServerIdentity | undefined;

  // What the server says of itself is asked once; a server that does not answer now is asked again next time.
  async function server(call: CallOptions): Promise<ServerIdentity | undefined> {
    identity ??= await identifyGrpc(asking, call).catch(() => undefined);
    return identity;
  }

  const caches = openCacheKnowledge({
    serverName: async (call) => (await server(call))?.name,
    isCacheOn: (model, call) => isGrpcCacheOn(asking, model, call),
  });

  async function infer(model: string, request: unknown, call: InferOptions): Promise<InferAnswer> {
    const remaining = deadline(call);
    const [answer, cached] = await Promise.all([
      inferGrpc(asking, { model, request, id: call.salted === false ? undefined : nonce() }, remaining),
      caches.mayCache(model, remaining),
    ]);
    return { ...answer, cached };
  }

  async function models(call: CallOptions): Promise<RepositoryModel[]> {
    const remaining = deadline(call);
    return listGrpcModels(asking, remaining()).catch(async (fault: unknown) => {
      if (!isUnimplemented(fault)) throw fault;
      const listed = await listModels(http.ask, remaining()).catch(() => undefined);
      if (listed) return listed;
      throw new Fault("upstream-refused", "the server keeps no list of its models");
    });
  }

  return {
    protocol: "oip-v2-grpc",
    url: http.base,
    live: (call) => grpcLive(asking, call),
    ready: (model, call) => grpcReady(asking, model, call),
    models,
    metadata: (model, call) => readGrpcMetadata(asking, model, call),
    infer,
    async reload(key, call) {
      const remaining = deadline(call);
      caches.forget(key);
      // A repository loads a model with all its versions.
      const { model } = splitModelKey(key);
      const serverName = (await server(remaining()))?.name;
      return reloadModel(grpcRepository(asking, { model, serverName }, remaining), remaining);
    },
    progress: firstCount([(call) => countGrpc(asking, call), openProgress(http.ask, metricsUrl)]),
    close() {
      channel.close();
      http.close();
    },
  };
}

/** Credentials of the URL go to both ports: they are the same server's. */
function grpcTarget({ url, headers }: Omit<ConnectOptions, "protocol">, grpc: string | undefined) {
  const { base, authorization } = serverBase(url);
  return {
    address: grpcAddress(base, grpc),
    secure: base.startsWith("https:"),
    headers: { ...(authorization ? { authorization } : {}), ...headers },
  };
}
