export { type ConnectOptions, connect, type Spoken } from "./connect.ts";
export { decodeAnswer } from "./decode-answer.ts";
export { type DecodedRequest, decodeRequest } from "./decode-request.ts";
export { type Detection, detect } from "./detect.ts";
export { firstNonFinite, type NonFinite } from "./first-non-finite.ts";
export { inferRoute } from "./infer-route.ts";
export type {
  CallOptions,
  InferAnswer,
  ModelServer,
  ProbeOutcome,
  ReloadAnswer,
  RepositoryModel,
} from "./model-server.ts";
export type { ServerIdentity } from "./oip-server.ts";
export { readOpenaiAnswer } from "./openai-answer.ts";
export { endBeforeTie, openaiAside, openaiNoise, type PinnedRequest, pinOpenai } from "./openai-golden.ts";
export {
  type Wire,
  type WireAsked,
  type WireDefect,
  type WireRoute,
  type WireStream,
  wireOf,
} from "./wire.ts";
