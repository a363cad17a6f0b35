export type TapLimits = {
  /** The most of one request body that is kept for a second try. */
  bodyKeptBytes: number;
  /** The most kept by all requests together; beyond it requests are streamed without a second try. */
  allBodiesKeptBytes: number;
  /** The most of one answer that is held back for a look before the client sees any of it. */
  answerHeldBytes: number;
  /** How long an answer of no told length is held back for that look. */
  answerHeldMs: number;
  /** The largest request body that is handed to `inspectRequest`, or read for whether it may be sent twice. */
  bodyInspectedBytes: number;
  /** Time for a client to send its request head. */
  headerTimeoutMs: number;
  /** Time for a client to send its whole request. */
  requestTimeoutMs: number;
  /** How long an idle client connection stays open: longer than the idle time of the balancers in front. */
  keepAliveTimeoutMs: number;
  /** The longest request head and the longest answer head. */
  maxHeaderSize: number;
  retryRatio: number;
  retryBurstPerSecond: number;
  connectTimeoutMs: number;
  /** How long an idle upstream connection is used again, where the server gives no hint of its own. */
  upstreamIdleMs: number;
  maxInflight: number;
  maxConnections: number;
};

const mib = 1024 * 1024;

export const tapLimits: TapLimits = {
  bodyKeptBytes: 8 * mib,
  allBodiesKeptBytes: 256 * mib,
  answerHeldBytes: 64 * 1024,
  // A server that has its JSON ready sends it right behind its head; who dribbles is let through.
  answerHeldMs: 25,
  bodyInspectedBytes: 1 * mib,
  headerTimeoutMs: 15_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 65_000,
  maxHeaderSize: 64 * 1024,
  retryRatio: 0.2,
  retryBurstPerSecond: 10,
  connectTimeoutMs: 1_000,
  // Uvicorn closes idle connections after 5 s and sends no hint; we must be the one who closes first.
  upstreamIdleMs: 4_000,
  maxInflight: 4_096,
  maxConnections: 16_384,
};
