import { z } from "zod";
import { Digest } from "./release.ts";
import { Role } from "./service.ts";
import { Verdict } from "./verdict.ts";

/** What the goldens say: all that the current release records passed (`proven`), some failed, or not all were asked. */
export const GoldenState = z.enum(["proven", "failed", "partial", "none"]);
export type GoldenState = z.infer<typeof GoldenState>;

/** What the files are: `approved` (owned by an approved release), `unapproved`, or `unknown` (no folder, not hashed yet). */
export const BytesState = z.enum(["approved", "unapproved", "unknown"]);
export type BytesState = z.infer<typeof BytesState>;

/** One model of several on a server. Goldens, outputs and configuration are judged for each by itself. */
export const ModelReport = z.object({
  verdict: Verdict,
  goldens: GoldenState,
  provenAgeMs: z.number().nullable(),
  release: Digest.nullable().describe("the approved release that its answers match"),
  fit: z.boolean().describe("proven fresh, nothing suspect of it or of its server: may answer for another"),
  diverted: z.boolean().describe("its new requests are sent to an instance that is fit for it"),
});
export type ModelReport = z.infer<typeof ModelReport>;

/** Everything the collector knows of an instance comes in this one object, a heartbeat apart. Ages are the sender's. */
export const Report = z.object({
  role: Role,
  term: z.number().int().min(0).describe("highest that this sidecar has seen"),
  epoch: z.number().int().min(0).describe("highest that this sidecar has seen"),
  verdict: Verdict,
  goldens: GoldenState,
  provenAgeMs: z.number().nullable().describe("since the last full set passed; null if never"),
  bytes: BytesState,
  tree: Digest.nullable(),
  release: Digest.nullable().describe("the approved release that its answers match"),
  owner: Digest.nullable()
    .optional()
    .describe("the approved release that owns the files; null where none does, absent from older senders"),
  restorable: z.array(Digest).max(16).describe("releases whose verified bytes are at hand here"),
  quietMs: z.number().describe("since the last write to the model files was seen"),
  fit: z.boolean().describe("proven fresh, right bytes, nothing suspect: may take traffic"),
  diverted: z.boolean().describe("sends no new requests to its own model server"),
  canRestart: z.boolean(),
  inflight: z.number(),
  requestsPerSecond: z.number(),
  capacityPerSecond: z.number().describe("measured; 0 while not known"),
  p99Ms: z.number(),
  tap: z.string().nullable().describe("URL of its tap for peers"),
  control: z.string().nullable().describe("URL of its /readyz for peers"),
  policy: z.number().int().describe("number of the policy that it runs"),
  models: z
    .record(z.string(), ModelReport)
    .optional()
    .describe(
      "where goldens prove several models: each by itself, while verdict and fit are the whole server's",
    ),
});
export type Report = z.infer<typeof Report>;
