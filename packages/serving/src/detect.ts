import { Fault } from "@locum/contracts";
import { errorText } from "./ask-json.ts";
import { type Ask, type Exchanged, type ExchangeOptions, openExchange } from "./exchange.ts";
import type { ModelServer, RepositoryModel } from "./model-server.ts";
import { listModels } from "./oip-models.ts";
import { probe } from "./oip-probe.ts";
import { identify, type ServerIdentity } from "./oip-server.ts";

export type Detection = {
  protocol: ModelServer["protocol"];
  url: string;
  /** Absent where the server does not say what it is. */
  server?: ServerIdentity;
  models: RepositoryModel[];
  /** False where the server keeps no list: models then exist or not, and `metadata` by name tells. */
  modelsKnown: boolean;
  /** What was asked and answered, one line each, for a person. */
  evidence: string[];
};

/**
 * Which protocol a server speaks, from a few questions asked at once, ready or not. Throws `upstream-unreachable`
 * where nothing answers within the time, `upstream-protocol` where something else does; both say what was tried.
 */
export async function detect(
  url: string,
  {
    timeoutMs = 3000,
    ...options
  }: Omit<ExchangeOptions, "url"> & { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Detection> {
  const { signal, ...exchangeOptions } = options;
  const { base, ask, close } = openExchange({ url, ...exchangeOptions });
  const call = { timeoutMs, ...(signal ? { signal } : {}) };
  try {
    const tried: string[] = [];
    const noting = note(ask, tried);
    const [server, live, nowhere, models] = await Promise.all([
      identify(noting, call).catch(() => undefined),
      probe(noting, "/v2/health/live", call),
      probe(noting, "/v2/health/no-such-check", call),
      listModels(noting, call).catch(() => undefined),
    ]);
    // A program that answers every path with 200 is no v2 server, whatever it says to the health route.
    const speaksHealth = live.detail !== "protocol" && live.status !== undefined && live.ok && !nowhere.ok;
    if (!server && !speaksHealth && !models) throw notFound(base, tried);
    return {
      protocol: "oip-v2-rest",
      url: base,
      ...(server ? { server } : {}),
      models: models ?? [],
      modelsKnown: models !== undefined,
      evidence: tried,
    };
  } finally {
    close();
  }
}

function note(ask: Ask, tried: string[]): Ask {
  return async (question) => {
    const outcome = await ask(question);
    tried.push(`${question.method} ${question.path}: ${lineOf(outcome)}`);
    return outcome;
  };
}

function lineOf(outcome: Exchanged): string {
  if (outcome.kind === "failed") return `${outcome.detail} (${outcome.reason})`;
  return `${outcome.status} ${errorText(outcome.body)}`.trim().slice(0, 160);
}

function notFound(base: string, tried: string[]): Fault {
  const answered = tried.some((line) => /: \d{3}/.test(line) || line.includes(": protocol"));
  const list = tried.join("; ");
  return answered
    ? new Fault("upstream-protocol", `no known model server protocol at ${base}. Tried ${list}`, {
        hint: "Locum speaks the Open Inference Protocol v2 over REST: is this the server's HTTP port?",
      })
    : new Fault("upstream-unreachable", `nothing answers at ${base}. Tried ${list}`);
}
