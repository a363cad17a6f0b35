import { Fault, type Protocol } from "@locum/contracts";
import { deadline } from "../deadline.ts";
import { errorText } from "../http/ask-json.ts";
import { type Ask, type Exchanged, type ExchangeOptions, openExchange } from "../http/exchange.ts";
import type { RepositoryModel } from "../model-server.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import { findGrpc, type GrpcFound } from "./find-grpc.ts";
import type { Look, Spoke } from "./look.ts";
import { lookTorchserve } from "./look-torchserve.ts";
import { lookV1 } from "./look-v1.ts";
import { lookV2 } from "./look-v2.ts";

export type Detection = {
  /** The richest of those that the server speaks. */
  protocol: Protocol;
  /** The others, in the same order. */
  also: Protocol[];
  url: string;
  /** Absent where the server does not say what it is. */
  server?: ServerIdentity;
  models: RepositoryModel[];
  /** False where the server keeps no list: models then exist or not, and `metadata` by name tells. */
  modelsKnown: boolean;
  /** host:port where it speaks gRPC. */
  grpc?: string;
  /** TorchServe's management API, where it answers. */
  management?: string;
  /** What was asked and answered, one line each, for a person. */
  evidence: string[];
};

type Tried = { line: string; own: boolean; outcome?: Exchanged };

export type DetectOptions = Omit<ExchangeOptions, "url"> & {
  /** Of everything together. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  grpc?: string | undefined;
  management?: string | undefined;
  /** `also`: gRPC is looked for beside HTTP. `alone`: only where HTTP gave nothing, since it costs a library. */
  overGrpc?: "also" | "alone";
};

/** In the order of what Locum can do with them: tensors with names and types first, then what reloads. */
const richest: readonly Protocol[] = ["oip-v2-rest", "openai", "torchserve", "kserve-v1", "oip-v2-grpc"];

/**
 * Which protocols a server speaks, ready or not, from a few questions asked at once. Throws `upstream-unreachable`
 * where nothing answers within the time, `upstream-protocol` where something else does; both say what was tried.
 */
export async function detect(
  url: string,
  { timeoutMs = 2500, signal, grpc, management, overGrpc = "also", ...options }: DetectOptions = {},
): Promise<Detection> {
  const { base, ask, close } = openExchange({ url, ...options });
  const remaining = deadline({ timeoutMs, ...(signal ? { signal } : {}) });
  const tried: Tried[] = [];
  const noting = note(ask, tried);
  try {
    const looks: Look[] = [lookV2, lookV1, lookTorchserve(base, management)];
    const looking = Promise.all(looks.map((look) => look(noting, remaining).catch(() => undefined)));
    const named = looking.then((found) => bestOf(found)?.server);
    const lookOverGrpc = () =>
      findGrpc({ base, grpc, named, tried, ...accessOf(options, { base, grpc }) }, remaining);
    const eager = overGrpc === "also" ? lookOverGrpc() : undefined;
    const found = await looking;
    const grpcFound = await (eager ?? (bestOf(found) ? undefined : lookOverGrpc()));
    return choose({ base, found, grpcFound, tried });
  } finally {
    close();
  }
}

function choose({
  base,
  found,
  grpcFound,
  tried,
}: {
  base: string;
  found: (Spoke | undefined)[];
  grpcFound: GrpcFound | undefined;
  tried: Tried[];
}): Detection {
  const overGrpc: Spoke | undefined = grpcFound && {
    protocol: "oip-v2-grpc",
    ...(grpcFound.server ? { server: grpcFound.server } : {}),
    models: [],
    modelsKnown: false,
  };
  const all = [...found, overGrpc];
  const best = bestOf(all);
  // A neighbour that speaks gRPC while the server's own port is silent may be somebody else, or the half of a start.
  const isNeighbour = best === overGrpc && grpcFound?.isNeighbour === true;
  if (!best || isNeighbour) throw notFound(base, tried);
  const { management, ...spoken } = best;
  const spoke = new Set(all.map((one) => one?.protocol));
  return {
    ...spoken,
    also: richest.filter((protocol) => spoke.has(protocol) && protocol !== best.protocol),
    url: base,
    ...(grpcFound ? { grpc: grpcFound.address } : {}),
    ...(management === undefined ? {} : { management }),
    evidence: tried.map(({ line }) => line),
  };
}

function bestOf(found: readonly (Spoke | undefined)[]): Spoke | undefined {
  return richest.map((protocol) => found.find((one) => one?.protocol === protocol)).find((one) => one);
}

/** Credentials stay with the host that they are for. */
function accessOf(
  { ca, headers }: Pick<DetectOptions, "ca" | "headers">,
  { base, grpc }: { base: string; grpc: string | undefined },
): Pick<DetectOptions, "ca" | "headers"> {
  const isOwnHost = grpc === undefined || grpc.replace(/:\d+$/, "") === new URL(base).hostname;
  return { ...(ca === undefined ? {} : { ca }), ...(headers && isOwnHost ? { headers } : {}) };
}

/** Every answer as a line of evidence. `own`: of the port that was named, not of a neighbour. */
function note(ask: Ask, tried: Tried[]): Ask {
  return async (question) => {
    const outcome = await ask(question);
    const line = `${question.method} ${question.path}: ${lineOf(outcome)}`;
    tried.push({ line, outcome, own: question.path.startsWith("/") });
    return outcome;
  };
}

function lineOf(outcome: Exchanged): string {
  if (outcome.kind === "failed") return `${outcome.detail} (${outcome.reason})`;
  return `${outcome.status} ${errorText(outcome.body)}`.trim().slice(0, 160);
}

function notFound(base: string, tried: readonly Tried[]): Fault {
  const lines = tried.map(({ line }) => line).join("; ");
  const own = tried.filter((one) => one.own);
  const is = (detail: string) =>
    own.some(({ outcome }) => outcome?.kind === "failed" && outcome.detail === detail);
  // A server that stops half way has answered some questions: that it is another program nobody knows.
  const isHeard = own.some(({ outcome }) => outcome?.kind === "answer") || is("protocol");
  if (!isHeard || is("timeout")) {
    const [first] = own.filter(({ outcome }) => outcome?.kind === "failed");
    return new Fault(
      "upstream-unreachable",
      `nothing answers at ${base}: ${first?.line ?? "nothing was asked"}, and ${tried.length - 1} other questions`,
    );
  }
  const statuses = own.map(({ outcome }) => (outcome?.kind === "answer" ? outcome.status : 0));
  return new Fault("upstream-protocol", `no known model server protocol at ${base}. Tried ${lines}`, {
    hint:
      statuses.includes(401) || statuses.includes(403)
        ? "The server wants credentials: give them with --headers-file, or in headersFile."
        : "Is this the server's HTTP port? One of no known protocol is described by httpJson in the service file: locum init --infer-path PATH writes it.",
  });
}
