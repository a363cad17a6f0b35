import { z } from "zod";
import { Datatype } from "./tensor.ts";

/** Absolute and relative tolerance of one output: |got - expected| <= abs + rel * |expected|, element by element. */
export const Tolerance = z.strictObject({
  abs: z.number().min(0),
  rel: z.number().min(0),
  cosineMin: z.number().min(-1).max(1).optional().describe("in addition, over the whole output"),
  topK: z.number().int().min(1).optional().describe("in addition, the k largest sit at the same places"),
});
export type Tolerance = z.infer<typeof Tolerance>;

export const ExpectedOutput = z.strictObject({
  name: z.string(),
  datatype: Datatype,
  shape: z.array(z.number().int().min(0)),
  data: z.array(z.union([z.number(), z.string(), z.boolean()])),
  tolerance: Tolerance,
});
export type ExpectedOutput = z.infer<typeof ExpectedOutput>;

/**
 * A recorded input with its expected output: the proof that an instance is right, not only up. `id` is the first 16
 * hex digits of SHA-256 over the canonical JSON of {model, request}, so that two releases share the ids of the
 * inputs that they share and one answer can be judged against both.
 */
export const Golden = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  model: z.string().min(1).max(256),
  request: z.record(z.string(), z.unknown()).describe("the protocol's own JSON"),
  expected: z.array(ExpectedOutput).min(1),
});
export type Golden = z.infer<typeof Golden>;
