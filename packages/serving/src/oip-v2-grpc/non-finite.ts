import { type WalkBudget, walkMessage, wire32, wire64, wireBytes } from "../grpc/proto-walk.ts";
import { nonFiniteElement } from "../tensor/non-finite-element.ts";
import type { WireDefect } from "../wire.ts";
import { type GrpcAnswer, type GrpcOutput, grpcOutputs } from "./outputs.ts";

/** Contents whose elements are floats, by their field, and the wire type of an element that is not packed. */
const floats: Record<number, { datatype: "FP32" | "FP64"; wire: number; bytes: number } | undefined> = {
  6: { datatype: "FP32", wire: wire32, bytes: 4 },
  7: { datatype: "FP64", wire: wire64, bytes: 8 },
};

/**
 * The first value of a ModelInferResponse that is no finite number. Undefined also for what it cannot read. For the
 * data path: an answer with raw tensors costs a look at each exponent and little else.
 */
export function grpcNonFinite(message: Uint8Array): WireDefect | undefined {
  const budget: WalkBudget = { left: 1_000_000 };
  const answer = grpcOutputs(message, budget);
  if (!answer) return undefined;
  for (const { output, raw } of paired(answer)) {
    const index = raw ? nonFiniteElement(raw, output.datatype) : inContents(output.contents, budget);
    if (index >= 0) return { kind: "not-finite", detail: `output ${output.name}[${index}]` };
  }
  return undefined;
}

/**
 * Outputs with their raw bytes. Triton leaves an empty place for an output in shared memory; a server that does not
 * is read by counting only those with data.
 */
export function paired({ outputs, raw }: GrpcAnswer): { output: GrpcOutput; raw: Uint8Array | undefined }[] {
  const withData = outputs.filter(({ inSharedMemory }) => !inSharedMemory);
  const named = raw.length === outputs.length ? outputs : withData;
  return named.map((output, i) => ({ output, raw: raw[i] })).filter(({ output }) => !output.inSharedMemory);
}

function inContents(parts: Uint8Array[], budget: WalkBudget): number {
  let found = -1;
  let before = 0;
  for (const part of parts) {
    walkMessage(part, { budget }, (field, wire, from, to) => {
      const float = floats[field];
      if (found >= 0 || !float || (wire !== wireBytes && wire !== float.wire)) return;
      const index = nonFiniteElement(part.subarray(from, to), float.datatype);
      if (index >= 0) found = before + index;
      before += Math.floor((to - from) / float.bytes);
    });
  }
  return found;
}
