import { z } from "zod";
import { Digest } from "./release.ts";

const at = { atMs: z.number().describe("monotonic clock of the observer") };

/** One observation of one instance, without conclusion. The rung of the health ladder is its kind. */
export const Probe = z.discriminatedUnion("kind", [
  // L0: a refused or reset connection, or a process id that is gone. `again` says that it was asked twice at once.
  z.object({ kind: z.literal("process"), ...at, alive: z.boolean(), again: z.boolean(), detail: z.string() }),
  // L1 and L2: what the server says of itself. Hints.
  z.object({ kind: z.literal("live"), ...at, ok: z.boolean(), detail: z.string(), latencyMs: z.number() }),
  z.object({ kind: z.literal("ready"), ...at, ok: z.boolean(), detail: z.string() }),
  // L3: `completed` counts everything that shows work (answers, streamed bytes, goldens, the server's own counter)
  // and only grows; `waitingMs` is the age of the oldest request in flight, 0 with none.
  z.object({
    kind: z.literal("progress"),
    ...at,
    inflight: z.number(),
    waitingMs: z.number(),
    completed: z.number(),
    p99Ms: z.number(),
    models: z
      .record(z.string(), z.object({ inflight: z.number(), waitingMs: z.number(), completed: z.number() }))
      .optional()
      .describe("the same of each model whose requests are counted apart"),
  }),
  // L4: one golden asked, judged against every approved release that records it.
  z.object({
    kind: z.literal("golden"),
    ...at,
    golden: z.string(),
    model: z.string(),
    outcome: z.enum(["answered", "timeout", "error", "refused", "not-finite", "cached"]),
    passes: z.array(Digest).describe("releases whose expectation the answer meets"),
    fails: z.array(Digest).describe("releases that record this golden and expect something else"),
    deltaMax: z.number().describe("largest |got - expected| against the nearest release"),
    latencyMs: z.number(),
    detail: z.string(),
  }),
  // L5: what the tap saw in real answers. `contested` says that another instance answered the same request well.
  // Of generated text: `flood` (one token again and again), `malformed` (a stream that breaks its own protocol),
  // `wrong-finish` (an end that the answer's content denies), `wrong-model` (another model's name), `stalled` (a
  // stream that stopped for longer than its own history explains).
  z.object({
    kind: z.literal("output"),
    ...at,
    finding: z.enum([
      "not-finite",
      "truncated",
      "status-5xx",
      "constant",
      "empty",
      "flood",
      "malformed",
      "wrong-finish",
      "wrong-model",
      "stalled",
    ]),
    model: z.string().optional().describe("absent where the request names none"),
    contested: z.boolean(),
    detail: z.string(),
  }),
  // L6: hardware signals where present.
  z.object({ kind: z.literal("hardware"), ...at, ok: z.boolean(), detail: z.string() }),
  // The integrity watch: what the files are now. `release` is the approved release that owns them.
  z.object({
    kind: z.literal("bytes"),
    ...at,
    state: z.enum(["approved", "unapproved", "unknown"]),
    tree: Digest.nullable(),
    release: Digest.nullable(),
    detail: z.string(),
  }),
  // The served configuration (metadata) read from the server.
  z.object({
    kind: z.literal("configuration"),
    ...at,
    matches: z.array(Digest),
    models: z
      .record(z.string(), z.array(Digest))
      .optional()
      .describe("the same for each model by itself; one that did not answer is not in it"),
    detail: z.string(),
  }),
  // The set of approved releases changed (approve, withdraw), with the goldens each records.
  z.object({
    kind: z.literal("releases"),
    ...at,
    approved: z.array(
      z.object({
        digest: Digest,
        tree: Digest.nullable(),
        goldens: z.array(z.string()),
        models: z
          .record(z.string(), z.array(z.string()))
          .optional()
          .describe("model -> those of the goldens that ask it"),
      }),
    ),
  }),
  // A reload or restart was started on purpose: silence and refusals are expected until it ends or times out.
  z.object({
    kind: z.literal("maintenance"),
    ...at,
    untilMs: z.number(),
    reason: z.string(),
    models: z.array(z.string()).optional().describe("only these; the whole server if absent"),
  }),
]);
export type Probe = z.infer<typeof Probe>;
