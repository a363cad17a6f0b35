import { Datatype, Fault, type FaultCode, type Tensor } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";

const dimensionsMax = 32;
const elementsMax = 2 ** 31;

/** Name, datatype and shape of one tensor of an untrusted body. Throws a Fault with `code`. */
export function tensorHead(
  raw: unknown,
  code: FaultCode,
): Omit<Tensor, "data"> & { raw: Record<string, unknown> } {
  if (!isObject(raw)) throw new Fault(code, "a tensor is not an object");
  const { name, shape } = raw;
  if (typeof name !== "string" || name.length > 1024) throw new Fault(code, "a tensor without a name");
  const datatype = Datatype.safeParse(raw.datatype);
  if (!datatype.success)
    throw new Fault(code, `tensor ${show(name)}: datatype ${show(raw.datatype)} is unknown`);
  if (!Array.isArray(shape) || shape.length > dimensionsMax || !shape.every(isSize)) {
    throw new Fault(code, `tensor ${show(name)}: shape ${show(shape)} is no list of sizes`);
  }
  if (elementsOf(shape) > elementsMax)
    throw new Fault(code, `tensor ${show(name)}: shape ${show(shape)} is too large`);
  return { name, datatype: datatype.data, shape, raw };
}

/**
 * Elements of a tensor in JSON, flat or nested by rows (both are allowed). What cannot be said in strict JSON is
 * read as servers write it: `null` and "NaN" for NaN, "Infinity", and 64-bit integers as text.
 */
export function jsonElements(head: Omit<Tensor, "data">, data: unknown, code: FaultCode): Tensor["data"] {
  const { name, datatype, shape } = head;
  // MLServer writes the one text of a BYTES tensor without a list around it.
  if (datatype === "BYTES" && typeof data === "string") return [data];
  const count = elementsOf(shape);
  const convert = datatype === "BYTES" ? toText : datatype === "BOOL" ? toBoolean : toNumber;
  const values: (number | string | boolean)[] = [];
  const visit = (element: unknown, depth: number): void => {
    if (Array.isArray(element)) {
      if (depth > dimensionsMax) throw new Fault(code, `tensor ${show(name)}: data nested too deep`);
      for (const inner of element) visit(inner, depth + 1);
      return;
    }
    const value = convert(element);
    if (value === undefined)
      throw new Fault(code, `tensor ${show(name)}: ${show(element)} is no ${datatype}`);
    values.push(value);
  };
  if (!Array.isArray(data)) throw new Fault(code, `tensor ${show(name)}: data is no list`);
  visit(data, 0);
  if (values.length !== count) throw mismatch(head, values.length, code);
  return values;
}

export function mismatch({ name, shape }: Omit<Tensor, "data">, found: number, code: FaultCode): Fault {
  return new Fault(
    code,
    `tensor ${show(name)}: shape ${show(shape)} wants ${elementsOf(shape)} elements, found ${found}`,
  );
}

export function elementsOf(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (value === null) return Number.NaN;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const number = Number(value);
  return Number.isNaN(number) && !/^[+-]?nan$/i.test(value) ? undefined : number;
}

function toBoolean(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  return value === 0 || value === 1 ? value === 1 : undefined;
}

function toText(value: unknown): string | undefined {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
}

/** Untrusted values in messages are short and of one line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
