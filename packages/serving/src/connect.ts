import type { ExchangeOptions } from "./exchange.ts";
import type { ModelServer } from "./model-server.ts";
import { connectOipV2Rest } from "./oip-v2-rest.ts";

export type ConnectOptions = ExchangeOptions & {
  protocol?: ModelServer["protocol"];
  /** Where the server keeps its Prometheus metrics, if on another port than its API. */
  metricsUrl?: string;
  /** A text never used before, for each request: a cache keyed by the whole request then never answers. */
  nonce?: () => string;
};

/** A model server behind the port. Opens nothing by itself: the first call connects. */
export function connect({ protocol = "oip-v2-rest", ...options }: ConnectOptions): ModelServer {
  return adapters[protocol](options);
}

const adapters: Record<ModelServer["protocol"], (options: ConnectOptions) => ModelServer> = {
  "oip-v2-rest": connectOipV2Rest,
};
