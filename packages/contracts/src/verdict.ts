import { z } from "zod";

/** What is wrong, as precisely as the evidence says. */
export const Failure = z.enum(["process-gone", "hung", "wrong-output", "not-finite", "errors", "hardware"]);
export type Failure = z.infer<typeof Failure>;

/** One line of evidence. `rung` is the independent kind that it counts as. */
export const Evidence = z.object({
  rung: z.enum([
    "process",
    "live",
    "ready",
    "progress",
    "golden",
    "output",
    "hardware",
    "bytes",
    "configuration",
  ]),
  atMs: z.number(),
  detail: z.string().max(500),
});
export type Evidence = z.infer<typeof Evidence>;

/**
 * The derived judgement of one instance. `hard` verdicts (one hard proof) need nobody's permission to divert; soft
 * ones (two independent kinds) need capacity. Never stored without its evidence.
 */
export const Verdict = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("unknown"), evidence: z.array(Evidence).max(16) }),
  z.object({ kind: z.literal("healthy"), evidence: z.array(Evidence).max(16) }),
  z.object({ kind: z.literal("suspect"), failure: Failure, evidence: z.array(Evidence).max(16) }),
  z.object({
    kind: z.literal("failed"),
    failure: Failure,
    hard: z.boolean(),
    evidence: z.array(Evidence).max(16),
  }),
]);
export type Verdict = z.infer<typeof Verdict>;
