import {
  signedVarint,
  varintEnd,
  type WalkBudget,
  walkMessage,
  wireBytes,
  wireVarint,
} from "../grpc/proto-walk.ts";

/** One output of a ModelInferResponse, and where its typed contents lie (a message may come in several parts). */
export type GrpcOutput = {
  name: string;
  datatype: string;
  shape: number[];
  inSharedMemory: boolean;
  contents: Uint8Array[];
};

export type GrpcAnswer = { outputs: GrpcOutput[]; raw: Uint8Array[] };

const outputsMax = 4096;
const dimensionsMax = 64;
const textBytesMax = 1024;

/** Fields of ModelInferResponse and of its outputs. */
const answerField = { outputs: 5, raw: 6 };
const outputField = { name: 1, datatype: 2, shape: 3, parameters: 4, contents: 5 };

/**
 * The outputs of a ModelInferResponse, its values left where they lie: nothing is copied. Undefined where the bytes
 * are no such message, or hold more outputs than any model has.
 */
export function grpcOutputs(message: Uint8Array, budget: WalkBudget): GrpcAnswer | undefined {
  const answer: GrpcAnswer = { outputs: [], raw: [] };
  let isWhole = true;
  const walked = walkMessage(message, { budget }, (field, wire, from, to) => {
    if (wire !== wireBytes || !isWhole) return;
    if (field === answerField.raw) answer.raw.push(message.subarray(from, to));
    if (field === answerField.outputs) {
      const output = readOutput(message.subarray(from, to), budget);
      if (output) answer.outputs.push(output);
      else isWhole = false;
    }
    if (answer.outputs.length > outputsMax || answer.raw.length > outputsMax) isWhole = false;
  });
  return walked && isWhole ? answer : undefined;
}

function readOutput(bytes: Uint8Array, budget: WalkBudget): GrpcOutput | undefined {
  const output: GrpcOutput = { name: "", datatype: "", shape: [], inSharedMemory: false, contents: [] };
  const walked = walkMessage(bytes, { budget }, (field, wire, from, to) => {
    if (field === outputField.shape) readShape(output.shape, { bytes, wire, from, to });
    if (wire !== wireBytes) return;
    if (field === outputField.name) output.name = text(bytes, from, to);
    if (field === outputField.datatype) output.datatype = text(bytes, from, to);
    if (field === outputField.contents) output.contents.push(bytes.subarray(from, to));
    if (field === outputField.parameters)
      output.inSharedMemory ||= text(bytes, from, to).includes("shared_memory_region");
  });
  return walked ? output : undefined;
}

/** Sizes come packed or one by one. More dimensions than any tensor has are cut off: the elements then do not fit. */
function readShape(
  shape: number[],
  { bytes, wire, from, to }: { bytes: Uint8Array; wire: number; from: number; to: number },
): void {
  if (wire !== wireBytes && wire !== wireVarint) return;
  for (let at = from; at < to && shape.length < dimensionsMax; ) {
    const end = varintEnd(bytes, at, to);
    if (end < 0) return;
    shape.push(signedVarint(bytes, at, end));
    at = end;
  }
}

export function text(bytes: Uint8Array, from: number, to: number): string {
  const end = Math.min(to, from + textBytesMax);
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString("utf8");
}
