import { Fault, type Tensor } from "@locum/contracts";
import { answerBytesMaxDefault, type Headers } from "../http/exchange.ts";
import { plainBodySync } from "../http/plain-body.ts";
import { decodeTensors } from "./framed-body.ts";

/**
 * The outputs of a v2 inference answer, JSON or binary, compressed or not, as its headers say. Outputs in shared
 * memory are left out. Throws `upstream-protocol` for everything that is no such answer.
 */
export function decodeAnswer(
  headers: Headers,
  body: Uint8Array,
  { bytesMax = answerBytesMaxDefault }: { bytesMax?: number } = {},
): Tensor[] {
  const code = "upstream-protocol";
  const plain = plainBodySync(headers, body, bytesMax);
  if ("reason" in plain) throw new Fault(code, plain.reason);
  return decodeTensors({ headers, body: plain.body, key: "outputs" }, code).tensors;
}
