import type { IncomingHttpHeaders } from "node:http";
import type { Wire } from "@locum/serving";
import type { TapEvent } from "./tap-event.ts";
import type { TapLimits } from "./tap-limits.ts";
import type { TargetChoice } from "./target.ts";

/** `body`: whether it may be sent twice stands in its body, which `wire.look` reads when a second try is wanted. */
export type RequestRoute = InferRoute | { kind: "other"; idempotent: boolean };
/** `model` is undefined where only the body names it. Complete small answers and streams are looked at by `wire`. */
export type InferRoute = {
  kind: "infer";
  wire: Wire;
  model: string | undefined;
  idempotent: boolean | "body";
};

/** What is known of a request when it is asked where it may go. */
export type Wanted = { infer: boolean; model: string | undefined };

/** What a record is made of while a request passes. Each call is cheap. */
export type RequestTrace = {
  /** The client's X-Request-Id, or one of ours: it goes to the target and back to the client. */
  readonly id: string;
  request(chunk: Buffer): void;
  /** A piece of the answer as it goes out. */
  answer(chunk: Buffer): void;
  end(ended: TraceEnd): void;
};

export type TraceEnd = {
  model: string | undefined;
  /** Whose answer the client got; undefined where no instance gave one. */
  answeredBy: { id: string; own: boolean } | undefined;
  resent: boolean;
  /** The answer passed although it is known to be wrong. */
  wrong: boolean;
  /** All of the request's body came. */
  uploaded: boolean;
  status: number;
  whole: boolean;
  ms: number;
};

export type TapDeps = {
  clock: { monotonicMs(): number };
  /** Asked for every try of every request: without a request for a tunnel. */
  route: (request?: Wanted) => TargetChoice;
  /** Now the model decides where a request may go: one that only its body names is waited for. */
  needsModel?: () => boolean;
  /** `path` is in origin form, query included, whatever form the client used. */
  classify?: (method: string, path: string, headers: IncomingHttpHeaders) => RequestRoute;
  /** Called often and synchronously: cheap. What it throws is counted and swallowed. */
  observe?: (event: TapEvent) => void;
  /** Only looks: called after the answer was sent. */
  inspectRequest?: (route: InferRoute, headers: IncomingHttpHeaders, body: Buffer) => void;
  /** Of each inference that a record is wanted of. */
  trace?: (headers: IncomingHttpHeaders) => RequestTrace | undefined;
  /** Whether the own server itself lists a model under this name: its answers then bear it. */
  isListed?: (model: string) => boolean;
  /** Headers added to every answer. None by default, so that answers stay byte-equal. */
  stamp?: () => Record<string, string>;
  /** The instance may not answer at all (exclusive, and its lease is gone). */
  fenced?: () => boolean;
  /** Answer 503 rather than something that is known to be wrong. */
  failClosed?: boolean;
  limits?: Partial<TapLimits>;
};

/** Without a protocol's knowledge, only what HTTP itself calls safe may be sent twice (RFC 9110, 9.2.1). */
export function classifyByMethod(method: string): RequestRoute {
  return { kind: "other", idempotent: method === "GET" || method === "HEAD" };
}
