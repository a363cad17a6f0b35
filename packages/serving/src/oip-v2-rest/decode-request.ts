import { Fault, type Tensor } from "@locum/contracts";
import type { Headers } from "../http/exchange.ts";
import { plainBodySync } from "../http/plain-body.ts";
import { isObject } from "../json/is-object.ts";
import { decodeTensors } from "./framed-body.ts";

export type DecodedRequest = {
  inputs: Tensor[];
  /** Present where the request belongs to a stateful sequence: it must never be sent a second time. */
  sequenceId?: string | number;
  /** True for a body of one raw tensor without JSON: only the model's metadata says what it is. */
  raw: boolean;
};

/** The inputs of a v2 inference request, JSON or binary, compressed or not. Throws `request-invalid`. */
export function decodeRequest(
  headers: Headers,
  body: Uint8Array,
  { bytesMax = 8 * 1024 * 1024 }: { bytesMax?: number } = {},
): DecodedRequest {
  const code = "request-invalid";
  if (headers["inference-header-content-length"] === "0") return { inputs: [], raw: true };
  const plain = plainBodySync(headers, body, bytesMax);
  if ("reason" in plain) throw new Fault(code, plain.reason);
  const { document, tensors } = decodeTensors({ headers, body: plain.body, key: "inputs" }, code);
  const sequenceId = sequenceOf(document);
  return { inputs: tensors, raw: false, ...(sequenceId === undefined ? {} : { sequenceId }) };
}

/** 0 and "" are how clients say "no sequence". */
function sequenceOf({ parameters }: Record<string, unknown>): string | number | undefined {
  const id = isObject(parameters) ? parameters.sequence_id : undefined;
  return (typeof id === "string" && id !== "") || (typeof id === "number" && id !== 0) ? id : undefined;
}
