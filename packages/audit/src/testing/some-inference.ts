import { type InferenceRecord, sha256Hex } from "@locum/contracts";

const digest = (text: string) => `sha256:${sha256Hex(text)}`;

/** One inference record, told from the others by its number. */
export const someInference = (index: number): InferenceRecord => ({
  id: `request-${index}`,
  at: new Date(1_767_323_045_000 + index).toISOString(),
  service: "s",
  instance: "a",
  answeredBy: "a",
  model: "digits",
  version: null,
  release: null,
  config: digest("config"),
  policy: null,
  inputHash: digest(`in ${index}`),
  outputHash: digest(`out ${index}`),
  decision: "passed",
  status: 200,
  whole: true,
  latencyMs: 1.5,
});
