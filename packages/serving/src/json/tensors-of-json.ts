import { Fault, type FaultCode, type Tensor } from "@locum/contracts";
import { show } from "../tensor/json-tensor.ts";
import { isObject } from "./is-object.ts";

const depthMax = 32;
const tensorsMax = 1024;

/**
 * Any JSON value as tensors: a number, a text, a truth value or a regular nesting of one of them is one tensor called
 * `name`; an object is a tensor for each key (`name.key`, without a name the key alone); a list of objects with the
 * same keys is a tensor for each key with the rows in front, of other objects one object an element (`name.0.key`).
 *
 * Numbers are FP64. `null` among numbers, and in a list of nothing else, is NaN: that is how orjson and JavaScript write
 * it. A single `null` is a text, since a key without a value says nothing of numbers. Throws a Fault with `code` for
 * ragged lists and for lists of several kinds: no tensor has their shape.
 */
export function tensorsOfJson(name: string, value: unknown, code: FaultCode = "upstream-protocol"): Tensor[] {
  const tensors: Tensor[] = [];
  collect({ name, value, depth: 0 }, { tensors, code });
  return tensors;
}

type Place = { name: string; value: unknown; depth: number };
type Into = { tensors: Tensor[]; code: FaultCode };

function collect({ name, value, depth }: Place, into: Into): void {
  const { tensors, code } = into;
  if (depth > depthMax) throw new Fault(code, `output ${show(name)}: nested deeper than ${depthMax}`);
  if (tensors.length >= tensorsMax) throw new Fault(code, `more than ${tensorsMax} outputs`);
  if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) collect(inside(name, key, inner, depth), into);
    return;
  }
  if (Array.isArray(value) && value.some(isRecord)) {
    const keys = commonKeys(value);
    for (const key of keys ?? []) {
      const column = value.map((row) => (row as Record<string, unknown>)[key]);
      collect(inside(name, key, column, depth), into);
    }
    if (!keys) value.forEach((row, index) => void collect(inside(name, String(index), row, depth), into));
    return;
  }
  tensors.push(tensorOf(name, value, code));
}

const inside = (name: string, key: string, value: unknown, depth: number): Place => ({
  name: (name === "" ? key : `${name}.${key}`).slice(0, 1024),
  value,
  depth: depth + 1,
});

/** The keys of rows that all have the same ones. */
function commonKeys(rows: unknown[]): string[] | undefined {
  const [first] = rows;
  if (!isRecord(first)) return undefined;
  const keys = Object.keys(first);
  const alike = (row: unknown) =>
    isRecord(row) && Object.keys(row).length === keys.length && keys.every((key) => Object.hasOwn(row, key));
  return rows.every(alike) ? keys : undefined;
}

function tensorOf(name: string, value: unknown, code: FaultCode): Tensor {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    shape.push(inner.length);
    if (shape.length > depthMax)
      throw new Fault(code, `output ${show(name)}: nested deeper than ${depthMax}`);
  }
  const leaves: unknown[] = [];
  gather(value, 0, { shape, leaves, ragged: () => new Fault(code, `output ${show(name)}: ragged lists`) });
  const kind = kindOf(leaves, shape.length > 0);
  if (!kind) throw new Fault(code, `output ${show(name)}: values of several kinds in one list`);
  return { name, shape, ...kind };
}

function gather(
  value: unknown,
  axis: number,
  into: { shape: readonly number[]; leaves: unknown[]; ragged: () => Fault },
): void {
  const size = into.shape[axis];
  if (Array.isArray(value)) {
    if (value.length !== size) throw into.ragged();
    for (const inner of value) gather(inner, axis + 1, into);
  } else {
    if (size !== undefined || isRecord(value)) throw into.ragged();
    into.leaves.push(value);
  }
}

function kindOf(leaves: unknown[], isList: boolean): Pick<Tensor, "datatype" | "data"> | undefined {
  const isNumeric = (leaf: unknown) => typeof leaf === "number" || leaf === null || words.has(leaf);
  const onlyNulls = leaves.every((leaf) => leaf === null);
  if (leaves.every(isNumeric) && (isList || !onlyNulls)) return { datatype: "FP64", data: numbersOf(leaves) };
  if (leaves.every((leaf) => typeof leaf === "boolean")) return { datatype: "BOOL", data: leaves };
  const texts = leaves.map(textOf);
  return texts.every((text) => text !== undefined) ? { datatype: "BYTES", data: texts } : undefined;
}

/** Python's and JavaScript's words for what JSON cannot say, put in quotes by careful servers. */
const words = new Map<unknown, number>([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** One by one: `from` of a typed array makes another list first. */
function numbersOf(leaves: readonly unknown[]): Float64Array {
  const numbers = new Float64Array(leaves.length);
  for (let at = 0; at < numbers.length; at++) numbers[at] = numberOf(leaves[at]);
  return numbers;
}

function numberOf(leaf: unknown): number {
  return typeof leaf === "number" ? leaf : (words.get(leaf) ?? Number.NaN);
}

function textOf(leaf: unknown): string | undefined {
  if (typeof leaf === "string") return leaf;
  if (leaf === null) return "null";
  return isBytes(leaf) ? leaf.b64 : undefined;
}

/** TensorFlow Serving writes bytes as `{"b64":"..."}`: one value, no object with outputs. */
function isBytes(value: unknown): value is { b64: string } {
  return isObject(value) && typeof value.b64 === "string" && Object.keys(value).length === 1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !isBytes(value);
}
