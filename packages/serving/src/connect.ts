import type { Instance, Protocol } from "@locum/contracts";
import { connectDetecting } from "./connect-detecting.ts";
import type { ExchangeOptions } from "./http/exchange.ts";
import { connectHttpJson } from "./http-json/adapter.ts";
import { connectKserveV1 } from "./kserve-v1/adapter.ts";
import type { ModelServer } from "./model-server.ts";
import { connectOipV2Grpc } from "./oip-v2-grpc/adapter.ts";
import { connectOipV2Rest } from "./oip-v2-rest/adapter.ts";
import { connectOpenai } from "./openai/adapter.ts";
import { connectTorchserve } from "./torchserve/adapter.ts";

/** What the configuration of an instance says of how its model server is spoken to. */
export type Spoken = Pick<Instance, "protocol" | "grpc" | "management" | "httpJson">;

export type ConnectOptions = ExchangeOptions &
  Spoken & {
    /** Where the server keeps its Prometheus metrics, if on another port than its API. */
    metricsUrl?: string;
    /** The files that the server reads, where they are at hand: what would not load is then refused by its bytes. */
    modelDir?: string | undefined;
    /** A text never used before, for each request: a cache keyed by the whole request then never answers. */
    nonce?: () => string;
  };

/**
 * A model server behind the port (model-server.ts). Each protocol has a folder: `adapter.ts` asks a server in it,
 * `wire.ts` says what the tap knows of its traffic. Opens nothing by itself: the first call connects, and finds out what the server
 * speaks where neither a protocol nor the paths of one are given.
 */
export function connect({ protocol, ...options }: ConnectOptions): ModelServer {
  const named = protocol ?? (options.httpJson ? "http-json" : undefined);
  if (named !== undefined) return adapters[named](options);
  return connectDetecting(options, ({ protocol: found, ...places }) =>
    adapters[found]({ ...options, ...places }),
  );
}

const adapters: Record<Protocol, (options: Omit<ConnectOptions, "protocol">) => ModelServer> = {
  "oip-v2-rest": connectOipV2Rest,
  "oip-v2-grpc": connectOipV2Grpc,
  openai: connectOpenai,
  "kserve-v1": connectKserveV1,
  torchserve: connectTorchserve,
  "http-json": connectHttpJson,
};
