export { type ConnectOptions, connect, type Spoken } from "./connect.ts";
export { type Detection, detect } from "./detect/detect.ts";
export type {
  CallOptions,
  InferAnswer,
  ModelServer,
  ProbeOutcome,
  ReloadAnswer,
  RepositoryModel,
} from "./model-server.ts";
export type { ServerIdentity } from "./oip-v2/server.ts";
export { decodeAnswer } from "./oip-v2-rest/decode-answer.ts";
export { type DecodedRequest, decodeRequest } from "./oip-v2-rest/decode-request.ts";
export { firstNonFinite, type NonFinite } from "./oip-v2-rest/first-non-finite.ts";
export { inferRoute } from "./oip-v2-rest/infer-route.ts";
export { readOpenaiAnswer } from "./openai/answer.ts";
export { endBeforeTie, openaiAside, openaiNoise, type PinnedRequest, pinOpenai } from "./openai/golden.ts";
export {
  openWires,
  type Wire,
  type WireAsked,
  type WireDefect,
  type WireOf,
  type WireRoute,
  type WireStream,
} from "./wire.ts";
