import { probe } from "../http/probe.ts";
import { listModels } from "../oip-v2/models.ts";
import { identify } from "../oip-v2/server.ts";
import type { Look } from "./look.ts";

/** Open Inference Protocol v2 over REST, ready or not. */
export const lookV2: Look = async (ask, remaining) => {
  const call = remaining();
  const [server, live, nowhere, models] = await Promise.all([
    identify(ask, call).catch(() => undefined),
    probe(ask, "/v2/health/live", call),
    probe(ask, "/v2/health/no-such-check", call),
    listModels(ask, call).catch(() => undefined),
  ]);
  // A program that answers every path with 200 is no v2 server, whatever it says to these.
  if (nowhere.ok) return undefined;
  const speaksHealth = live.detail !== "protocol" && live.status !== undefined && live.ok;
  if (!server && !speaksHealth && !models) return undefined;
  return {
    protocol: "oip-v2-rest",
    ...(server ? { server } : {}),
    models: models ?? [],
    modelsKnown: models !== undefined,
  };
};
