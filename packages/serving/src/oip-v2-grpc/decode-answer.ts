import { Fault, type Tensor } from "@locum/contracts";
import {
  signedVarint,
  varint,
  varintEnd,
  type WalkBudget,
  walkMessage,
  wire32,
  wire64,
  wireBytes,
  wireVarint,
} from "../grpc/proto-walk.ts";
import { type HeapBudget, openHeapBudget } from "../heap-budget.ts";
import { boolHeapBytes, decodeElements, textHeapBytes, textOf } from "../tensor/binary-tensor.ts";
import { elementsOf, mismatch, show, tensorHead } from "../tensor/json-tensor.ts";
import { paired } from "./non-finite.ts";
import { type GrpcOutput, grpcOutputs } from "./outputs.ts";

const code = "upstream-protocol";
const fieldsMax = 5_000_000;
const numbersMax = 2 ** 22;
/** Of a tensor's own objects, however few its elements. */
const tensorHeapBytes = 400;

/**
 * The outputs of a ModelInferResponse, raw or typed. Those in shared memory are left out. Throws `upstream-protocol`.
 * The messages of one stream are one answer, and have one budget.
 */
export function decodeGrpcAnswer(message: Uint8Array, take = openHeapBudget(code)): Tensor[] {
  const budget: WalkBudget = { left: fieldsMax };
  const answer = grpcOutputs(message, budget);
  if (!answer) throw new Fault(code, "no ModelInferResponse");
  const outputs = paired(answer);
  if (answer.raw.length > 0 && outputs.some(({ raw }) => raw === undefined)) {
    throw new Fault(code, `${answer.raw.length} raw contents for ${answer.outputs.length} outputs`);
  }
  return outputs.map(({ output, raw }) => {
    const { raw: _unused, ...head } = tensorHead(output, code);
    take(tensorHeapBytes);
    const data = raw
      ? decodeElements(head.datatype, raw, take)
      : typedElements(head, { output, budget, take });
    if (!data) throw new Fault(code, `tensor ${show(head.name)}: its bytes are no whole ${head.datatype}`);
    if (data.length !== elementsOf(head.shape)) throw mismatch(head, data.length, code);
    return { ...head, data };
  });
}

type Bytes = { bytes: Uint8Array; from: number; to: number };
type Element = { wire: number; read(at: Bytes): number | string | boolean };

/** InferTensorContents by field. A list comes packed in one field or one element a field, or as both. */
const elements: Record<number, Element | undefined> = {
  1: { wire: wireVarint, read: ({ bytes, from, to }) => varint(bytes, from, to) !== 0 },
  2: { wire: wireVarint, read: ({ bytes, from, to }) => signedVarint(bytes, from, to) },
  3: { wire: wireVarint, read: ({ bytes, from, to }) => signedVarint(bytes, from, to) },
  4: { wire: wireVarint, read: ({ bytes, from, to }) => varint(bytes, from, to) },
  5: { wire: wireVarint, read: ({ bytes, from, to }) => varint(bytes, from, to) },
  6: { wire: wire32, read: ({ bytes, from }) => viewOf(bytes).getFloat32(from, true) },
  7: { wire: wire64, read: ({ bytes, from }) => viewOf(bytes).getFloat64(from, true) },
  8: { wire: wireBytes, read: ({ bytes, from, to }) => textOf(Buffer.from(bytes.subarray(from, to))) },
};

function typedElements(
  head: Omit<Tensor, "data">,
  { output, budget, take }: { output: GrpcOutput; budget: WalkBudget; take: HeapBudget },
): Tensor["data"] {
  const count = elementsOf(head.shape);
  // Every element takes at least a byte: a list that cannot be there is not made room for.
  const bytesIn = output.contents.reduce((sum, part) => sum + part.length, 0);
  if (count > bytesIn) throw mismatch(head, Math.min(count - 1, bytesIn), code);
  const isText = head.datatype === "BYTES";
  if (isText) take(textHeapBytes(0) * count + textHeapBytes(bytesIn));
  if (head.datatype === "BOOL") take(boolHeapBytes * count);
  const values = isText || head.datatype === "BOOL" ? [] : roomFor(head, count);
  let taken = 0;
  const put = (value: number | string | boolean) => {
    if (taken >= count) throw mismatch(head, count + 1, code);
    if ((typeof value === "string") !== (head.datatype === "BYTES")) {
      throw new Fault(code, `tensor ${show(head.name)}: its contents are no ${head.datatype}`);
    }
    values[taken++] = head.datatype === "BOOL" ? Boolean(value) : value;
  };
  for (const bytes of output.contents) {
    const walked = walkMessage(bytes, { budget }, (field, wire, from, to) => {
      const element = elements[field];
      if (!element) return;
      if (wire === element.wire) put(element.read({ bytes, from, to }));
      else if (wire === wireBytes) unpack(element, { bytes, from, to }, put);
    });
    if (!walked) throw new Fault(code, `tensor ${show(head.name)}: its contents are malformed`);
  }
  if (taken !== count) throw mismatch(head, taken, code);
  return values;
}

/** A varint of one byte is a number of eight. */
function roomFor({ name, datatype }: Omit<Tensor, "data">, count: number): Values {
  if (count > numbersMax)
    throw new Fault(code, `tensor ${show(name)}: ${count} elements are too many outside raw contents`);
  return (datatype === "FP32" ? new Float32Array(count) : new Float64Array(count)) as Values;
}

type Values = { [index: number]: number | string | boolean; length: number };

function unpack(
  element: Element,
  { bytes, from, to }: Bytes,
  put: (value: number | string | boolean) => void,
): void {
  for (let at = from; at < to; ) {
    const end =
      element.wire === wire32 ? at + 4 : element.wire === wire64 ? at + 8 : varintEnd(bytes, at, to);
    if (end < 0 || end > to) throw new Fault(code, "packed contents are cut short");
    put(element.read({ bytes, from: at, to: end }));
    at = end;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
