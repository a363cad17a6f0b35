import { Fault, type Instance, type Protocol } from "@locum/contracts";
import type { ExchangeOptions } from "./exchange.ts";
import type { ModelServer } from "./model-server.ts";
import { connectOipV2Rest } from "./oip-v2-rest.ts";
import { connectOpenai } from "./openai.ts";

/** What the configuration of an instance says of how its model server is spoken to. */
export type Spoken = Pick<Instance, "protocol" | "grpc" | "management" | "httpJson">;

export type ConnectOptions = ExchangeOptions &
  Spoken & {
    /** Where the server keeps its Prometheus metrics, if on another port than its API. */
    metricsUrl?: string;
    /** A text never used before, for each request: a cache keyed by the whole request then never answers. */
    nonce?: () => string;
  };

/** A model server behind the port. Opens nothing by itself: the first call connects. */
export function connect({ protocol = "oip-v2-rest", ...options }: ConnectOptions): ModelServer {
  const adapter = adapters[protocol];
  if (!adapter) throw new Fault("usage", `no adapter for ${protocol}`);
  return adapter(options);
}

const adapters: Partial<Record<Protocol, (options: Omit<ConnectOptions, "protocol">) => ModelServer>> = {
  "oip-v2-rest": connectOipV2Rest,
  openai: connectOpenai,
};
