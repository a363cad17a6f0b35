import { z } from "zod";
import { Digest } from "./release.ts";

/** Well-formed ids of clients are kept; others get one of ours. */
export const requestIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$/;
export const RequestId = z.string().regex(requestIdPattern);

/**
 * What became of a request. `retried`: a second try answered. `wrong`: the answer passed although it is known to be
 * wrong. `unanswered`: its client went away first.
 */
export const InferenceDecision = z.enum(["passed", "diverted", "retried", "wrong", "refused", "unanswered"]);

export type InferenceDecision = z.infer<typeof InferenceDecision>;

const Hash = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** One inference, without anything of its content (docs/inference-records.md). */
export const InferenceRecord = z.strictObject({
  id: RequestId,
  at: z.iso.datetime().describe("when the request began, by the clock of the sidecar"),
  service: z.string().max(256),
  instance: z.string().max(256).describe("whose sidecar wrote this"),
  answeredBy: z.string().max(256).nullable().describe("the instance whose answer the client got"),
  model: z.string().max(1000).nullable(),
  version: z.string().max(256).nullable(),
  release: Digest.nullable().describe("approved release that the writer's instance is"),
  config: Digest.describe("of the service file"),
  policy: Digest.nullable().describe("of the orders in force"),
  inputHash: Hash.nullable().describe("SHA-256 over the body of the request; null where not all of it came"),
  outputHash: Hash.nullable().describe("over the body of the answer as the client got it"),
  decision: InferenceDecision,
  status: z.number().int().min(0).max(999).describe("0 where there was no answer"),
  whole: z.boolean().describe("all of the answer went out"),
  latencyMs: z.number().min(0),
});
export type InferenceRecord = z.infer<typeof InferenceRecord>;
