import type { Protocol } from "@locum/contracts";
import type { Ask } from "../http/exchange.ts";
import type { CallOptions, RepositoryModel } from "../model-server.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";

/** What one protocol's questions found: that the server speaks it, and what it said of itself. */
export type Spoke = {
  protocol: Protocol;
  server?: ServerIdentity;
  models: RepositoryModel[];
  modelsKnown: boolean;
  management?: string;
};

/** Asks a server in one protocol. Undefined where it does not speak it. Never throws, and is done within the time. */
export type Look = (ask: Ask, remaining: () => CallOptions) => Promise<Spoke | undefined>;
