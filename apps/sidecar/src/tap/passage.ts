import type { Wire, WireDefect } from "@locum/serving";
import type { AnswerHead } from "./answer-head.ts";
import type { AnswerStream } from "./answer-stream.ts";
import type { ClientRequest, ClientSide } from "./client-side.ts";
import type { Exchange } from "./exchange.ts";
import { hopHeader } from "./hop-headers.ts";
import { createKeptBody, type KeptBody } from "./kept-body.ts";
import { observe, type TapCore } from "./tap-core.ts";
import type { RequestRoute, RequestTrace } from "./tap-deps.ts";
import type { DefectOutcome, TapOutcome } from "./tap-event.ts";
import type { Target } from "./target.ts";
import type { Upstreams } from "./upstreams.ts";

/** One client's request on its way through the tap, with every try that is made for it. */
export type Passage = {
  readonly core: TapCore;
  readonly req: ClientRequest;
  readonly client: ClientSide;
  /** Connections to targets, in the client's version of HTTP. */
  readonly upstreams: Upstreams;
  readonly route: RequestRoute;
  /** Where a record of it is wanted. */
  readonly trace: RequestTrace | undefined;
  readonly requestId: string | undefined;
  /** A peer's tap sent it: served by the own server or not at all. */
  readonly hop: boolean;
  readonly expects: boolean;
  readonly hasBody: boolean;
  readonly chunked: boolean;
  /** The model works for its answer. A health check that is answered says nothing of that. */
  readonly isWork: boolean;
  readonly startedMs: number;
  /** When its client will have given up (gRPC says so). */
  readonly deadlineAtMs: number | undefined;
  readonly kept: KeptBody;
  /** The try that takes the upload and may yet answer. */
  current: Attempt | undefined;
  /** An earlier try whose bad answer is held while another instance is asked. */
  first: Attempt | undefined;
  /** The try whose answer goes to the client. */
  delivering: Attempt | undefined;
  readonly tried: Set<string>;
  /** How the last try failed, for the case that another instance answers the same request well. */
  failure: { target: Target; own: boolean; outcome: TapOutcome; detail: string } | undefined;
  /** With which code the last target ended the one stream that it was asked on (HTTP/2). */
  resetCode: number | undefined;
  resends: number;
  deaths: number;
  /** What its body says of it, where somebody had to look. */
  looked: ReturnType<NonNullable<Wire["look"]>> | undefined;
  /** Set while nothing is sent because the body has not named the model yet. */
  waiting: NodeJS.Timeout | undefined;
  /** Bytes of its body until now, and whether that is all. */
  requestBytes: number;
  uploaded: boolean;
  /** The client has had its 100 Continue. */
  continued: boolean;
  /** The answer's head has left for the client. */
  flushed: boolean;
  /** An answer of ours, or a cut connection, has ended it. */
  ended: boolean;
};

/** One try at one target. */
export type Attempt = {
  readonly passage: Passage;
  readonly target: Target;
  readonly own: boolean;
  readonly fresh: boolean;
  readonly launchedMs: number;
  exchange: Exchange | undefined;
  /** `held`: what comes of the answer is collected, nothing has gone to the client. */
  mode: "waiting" | "held" | "delivering" | "over";
  head: AnswerHead | undefined;
  chunks: Buffer[];
  heldBytes: number;
  /** Lets a held answer of no told length through; undefined for all others. */
  release: (() => void) | undefined;
  releaseTimer: NodeJS.Timeout | undefined;
  /** Of an answer that comes in pieces which its protocol can read. */
  stream: AnswerStream | undefined;
  /** The client reads more slowly than the target sends: what is missing is not the target's work. */
  clientIsSlow: boolean;
  /** What is wrong with its complete answer. */
  defect: WireDefect | undefined;
  trailers: string[];
  /** The answer ended well, or ended too early. */
  complete: boolean;
  broken: boolean;
  /** Since when nothing but the target's work is missing; undefined while the client still uploads. */
  waitingSinceMs: number | undefined;
  firstTokenMs: number | undefined;
  /** Tokens came while the client could still send: a pause may be either side's. */
  isDialogue: boolean;
  told: boolean;
};

export function createPassage(
  core: TapCore,
  req: ClientRequest,
  client: ClientSide,
  {
    expects = false,
    hasBody,
    upstreams = core.upstreams,
    route,
    isWork = req.method !== "GET" && req.method !== "HEAD",
    deadlineAtMs,
  }: Partial<Pick<Passage, "expects" | "hasBody" | "upstreams" | "route" | "isWork" | "deadlineAtMs">> = {},
): Passage {
  const { headers } = req;
  const chunked = headers["transfer-encoding"] !== undefined;
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  const found = route ?? core.deps.classify(req.method ?? "", originForm(req.url ?? ""), headers);
  const trace = found.kind === "infer" ? core.deps.trace?.(headers) : undefined;
  return {
    core,
    req,
    client,
    upstreams,
    route: found,
    trace,
    requestId: trace?.id,
    hop: headers[hopHeader] !== undefined,
    expects,
    hasBody: hasBody ?? (chunked || (length ?? 0) > 0),
    chunked,
    isWork,
    startedMs: core.deps.clock.monotonicMs(),
    deadlineAtMs,
    kept: createKeptBody(length, core.limits.bodyKeptBytes),
    current: undefined,
    first: undefined,
    delivering: undefined,
    tried: new Set(),
    failure: undefined,
    resetCode: undefined,
    resends: 0,
    deaths: 0,
    looked: undefined,
    waiting: undefined,
    requestBytes: 0,
    uploaded: false,
    continued: false,
    flushed: false,
    ended: false,
  };
}

export function createAttempt(
  passage: Passage,
  { target, own, fresh }: { target: Target; own: boolean; fresh: boolean },
): Attempt {
  return {
    passage,
    target,
    own,
    fresh,
    launchedMs: passage.core.deps.clock.monotonicMs(),
    exchange: undefined,
    mode: "waiting",
    head: undefined,
    chunks: [],
    heldBytes: 0,
    release: undefined,
    releaseTimer: undefined,
    stream: undefined,
    clientIsSlow: false,
    defect: undefined,
    trailers: [],
    complete: false,
    broken: false,
    waitingSinceMs: undefined,
    firstTokenMs: undefined,
    isDialogue: false,
    told: false,
  };
}

export function modelOf({ route, looked }: Passage): string | undefined {
  return route.kind === "infer" ? (route.model ?? looked?.model) : undefined;
}

/** What its wire found, in the words of outcomes. */
export function outcomeOf({ kind }: WireDefect): DefectOutcome | "status5xx" {
  return kind === "status-5xx" ? "status5xx" : kind;
}

/** Tells how a try ended, once: the first word holds. */
export function tellOutcome(
  attempt: Attempt,
  outcome: TapOutcome,
  { counts = false, detail = "" }: { counts?: boolean; detail?: string } = {},
): void {
  if (attempt.told) return;
  attempt.told = true;
  const { core } = attempt.passage;
  const ms = core.deps.clock.monotonicMs() - attempt.launchedMs;
  observe(core, {
    kind: "outcome",
    target: attempt.target.id,
    own: attempt.own,
    infer: attempt.passage.route.kind === "infer",
    model: modelOf(attempt.passage),
    outcome,
    counts,
    status: attempt.head?.status ?? 0,
    detail,
    ms,
    serverMs: attempt.isDialogue ? undefined : (attempt.firstTokenMs ?? ms),
  });
}

/** Ends a try of which nothing more is wanted. */
export function dropAttempt(attempt: Attempt): void {
  attempt.mode = "over";
  attempt.chunks = [];
  clearTimeout(attempt.releaseTimer);
  attempt.exchange?.abort();
}

function originForm(url: string): string {
  if (url.startsWith("/")) return url;
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(url);
  if (!match) return url;
  const path = match[1] ?? "";
  return path.startsWith("/") ? path : `/${path}`;
}
