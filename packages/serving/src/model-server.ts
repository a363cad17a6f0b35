import type { ModelMetadata, Protocol, Tensor } from "@locum/contracts";

/** Bounds of one call. A call that is aborted ends as one that ran out of time. */
export type CallOptions = { timeoutMs: number; signal?: AbortSignal };

/**
 * `salted: false`: exactly as a client sends it, with nothing in it that was never used before, so that caches of the
 * server may answer. Else the adapter does what its protocol knows to keep them from answering.
 */
export type InferOptions = CallOptions & { salted?: boolean };

/**
 * What one health question gave. `refused`: no connection (nobody listens, no route, no such host). `reset`: the
 * connection ended before the answer did. `status`: an answer that says no, by its status or by its body.
 * `protocol`: bytes that are no answer of this protocol, or more of them than the limit.
 */
export type ProbeOutcome = {
  ok: boolean;
  latencyMs: number;
  detail: "ok" | "refused" | "timeout" | "reset" | "status" | "protocol";
  status?: number;
};

/**
 * `cached`: false only where the server's own configuration says that this model has no response cache; true where
 * the answer's headers name a cache; "unknown" otherwise. A golden that may come from a cache proves nothing.
 */
export type InferAnswer = { outputs: Tensor[]; latencyMs: number; cached: boolean | "unknown" };

/** `state` is the server's own word (READY, UNAVAILABLE, LOADING, ...), "UNKNOWN" where it says none. */
export type RepositoryModel = { name: string; version?: string; state: string };

/**
 * `unsupported`: the server offers no reload, or is started so that it refuses one; only a restart helps.
 * `load-failed`: it tried. Whether the model from before still serves then depends on the server: ask `ready`.
 */
export type ReloadAnswer = {
  reloaded: boolean;
  outcome: "loaded" | "load-failed" | "unsupported";
  detail: string;
};

/**
 * One model server, asked in its own protocol.
 *
 * Every call is bounded in time (`timeoutMs`, connecting included) and in bytes (24 MiB an answer unless `connect`
 * says otherwise), keeps no state between calls but connections and what the server said of itself, and may be
 * called at any time and many at once. Nothing is asked twice, but for a kept-alive connection that turns out to be
 * closed before the first answer byte: that is asked again on a new one. No redirect is followed.
 *
 * Unless it says "never throws", a call throws a `Fault`, and only that: `upstream-unreachable`, `upstream-timeout`,
 * `upstream-protocol` (not this protocol, malformed, too large), `upstream-refused` (the server answered with an
 * error of its own), `model-unknown`.
 *
 * Protocols with streams implement `infer` by reading the stream to its end within the same bounds, and count each
 * streamed piece in `progress`; gRPC implements the port on a channel instead of an agent, with a deadline for
 * `timeoutMs` and the maximum message size for the byte limit. Neither changes a caller: the union of `protocol`
 * grows, `connect` chooses, and the conformance suite (test/conformance/serving.ts) says when an adapter is done.
 */
export interface ModelServer {
  readonly protocol: Protocol;
  /** Base URL without credentials and without a trailing slash or protocol version. */
  readonly url: string;
  /**
   * True once the server is known to break off a running stream when any other request waits. Who asks it without need
   * then costs a client its answer.
   */
  readonly cutsStreams?: boolean;

  /** Does the process answer? Never throws. */
  live(options: CallOptions): Promise<ProbeOutcome>;

  /** Does the server (no model given) or one model say that it can serve? A hint, never a verdict. Never throws. */
  ready(model: string | undefined, options: CallOptions): Promise<ProbeOutcome>;

  /** The models of the server, one line a version. Throws `upstream-refused` where the server keeps no list. */
  models(options: CallOptions): Promise<RepositoryModel[]>;

  /** Tensors of one model. An empty list of inputs or outputs means that the server does not describe them. */
  metadata(model: string, options: CallOptions): Promise<ModelMetadata>;

  /**
   * One inference. `request` is the body in the protocol's own JSON; tensors of half precision, which JSON cannot
   * carry everywhere, go as binary where the server takes binary. Values that are not finite come back as numbers.
   */
  infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer>;

  /**
   * Makes the server read the model's files again, whatever it believes of their age: where loading alone may do
   * nothing, the model is unloaded first and is away for that time. Drops the server's caches of this model.
   */
  reload(model: string, options: CallOptions): Promise<ReloadAnswer>;

  /**
   * The server's own count of finished inferences, over all models, failed ones included. It only grows, but may start
   * again at a restart or a reload. Undefined where the server has none, or does not say now. Never throws.
   */
  progress(options: CallOptions): Promise<number | undefined>;

  /** Ends idle and running connections. Later calls open new ones. */
  close(): void;
}
