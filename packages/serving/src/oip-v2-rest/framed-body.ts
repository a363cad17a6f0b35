import { Fault, type FaultCode, type Tensor } from "@locum/contracts";
import { type HeapBudget, openHeapBudget } from "../heap-budget.ts";
import type { Headers } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import { decodeElements } from "../tensor/binary-tensor.ts";
import { elementsOf, jsonElements, mismatch, show, tensorHead } from "../tensor/json-tensor.ts";

/**
 * A v2 body, JSON alone or JSON followed by raw tensors (the binary tensor data extension): `head` is the JSON,
 * `tail` the bytes behind it. Throws a Fault with `code`.
 */
export function splitBody(headers: Headers, body: Buffer, code: FaultCode): { head: Buffer; tail: Buffer } {
  const length = headLength(headers, body.byteLength, code);
  return { head: body.subarray(0, length), tail: body.subarray(length) };
}

/** The tensors under `key` of such a body, in their order. Tensors in shared memory have no data here: left out. */
export function decodeTensors(
  { headers, body, key }: { headers: Headers; body: Buffer; key: "inputs" | "outputs" },
  code: FaultCode,
): { document: Record<string, unknown>; tensors: Tensor[] } {
  const { head, tail } = splitBody(headers, body, code);
  const document = readJson(head, code);
  if (!isObject(document)) throw new Fault(code, "expected a JSON object");
  const list = document[key];
  if (!Array.isArray(list)) throw new Fault(code, `expected a list of ${key}`);
  const take = openHeapBudget(code);
  const tensors: Tensor[] = [];
  let at = 0;
  for (const entry of list) {
    const { raw, ...tensor } = tensorHead(entry, code);
    const size = binarySize(raw, code);
    if (size !== undefined) {
      if (at + size > tail.byteLength)
        throw new Fault(code, `tensor ${show(tensor.name)}: its bytes are cut short`);
      const bytes = tail.subarray(at, at + size);
      tensors.push({ ...tensor, data: binaryElements(tensor, { bytes, take }, code) });
      at += size;
    } else if (!inSharedMemory(raw)) {
      tensors.push({ ...tensor, data: jsonElements(tensor, raw.data, code) });
    }
  }
  if (at !== tail.byteLength) throw new Fault(code, `${tail.byteLength - at} bytes that belong to no tensor`);
  return { document, tensors };
}

/** `parameters.binary_data_size` of one tensor, undefined where its data is in the JSON. */
export function binarySize(raw: Record<string, unknown>, code: FaultCode): number | undefined {
  const size = isObject(raw.parameters) ? raw.parameters.binary_data_size : undefined;
  if (size === undefined || size === null) return undefined;
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw new Fault(code, `tensor ${show(raw.name)}: binary_data_size ${show(size)} is no size`);
  }
  return size as number;
}

function headLength(headers: Headers, bodyLength: number, code: FaultCode): number {
  const value = headers["inference-header-content-length"];
  if (value === undefined) return bodyLength;
  const length = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(length <= bodyLength)) {
    throw new Fault(
      code,
      `inference-header-content-length ${show(value)} does not fit a body of ${bodyLength} bytes`,
    );
  }
  return length;
}

function binaryElements(
  tensor: Omit<Tensor, "data">,
  { bytes, take }: { bytes: Uint8Array; take: HeapBudget },
  code: FaultCode,
): Tensor["data"] {
  const data = decodeElements(tensor.datatype, bytes, take);
  if (!data)
    throw new Fault(
      code,
      `tensor ${show(tensor.name)}: ${bytes.byteLength} bytes are no whole ${tensor.datatype}`,
    );
  if (data.length !== elementsOf(tensor.shape)) throw mismatch(tensor, data.length, code);
  return data;
}

function inSharedMemory({ parameters }: Record<string, unknown>): boolean {
  return isObject(parameters) && typeof parameters.shared_memory_region === "string";
}
