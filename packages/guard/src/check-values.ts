import type { Datatype, Tensor } from "@locum/contracts";

type BrokenValue = { rule: "datatype" | "finite"; detail: string };

/** The first element that its datatype cannot hold or that is not finite, by its place; its value is not told. */
export function checkValues({ datatype, data }: Pick<Tensor, "datatype" | "data">): BrokenValue | undefined {
  const { kind, holds } = kinds[datatype];
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index];
    if (typeof value !== kind)
      return { rule: "datatype", detail: `element ${index} is no ${datatype}, but a ${typeof value}` };
    if (typeof value !== "number") continue;
    if (!Number.isFinite(value)) return { rule: "finite", detail: `element ${index} is not finite` };
    if (!holds(value)) return { rule: "datatype", detail: `element ${index} is outside of ${datatype}` };
  }
  return undefined;
}

type Kind = { kind: "number" | "boolean" | "string"; holds: (value: number) => boolean };

const anyNumber: Kind["holds"] = () => true;
const whole = (min: number, max: number): Kind => ({
  kind: "number",
  holds: (value) => Number.isInteger(value) && value >= min && value <= max,
});
const real: Kind = { kind: "number", holds: anyNumber };

const kinds: Record<Datatype, Kind> = {
  BOOL: { kind: "boolean", holds: anyNumber },
  UINT8: whole(0, 2 ** 8 - 1),
  UINT16: whole(0, 2 ** 16 - 1),
  UINT32: whole(0, 2 ** 32 - 1),
  UINT64: whole(0, 2 ** 64),
  INT8: whole(-(2 ** 7), 2 ** 7 - 1),
  INT16: whole(-(2 ** 15), 2 ** 15 - 1),
  INT32: whole(-(2 ** 31), 2 ** 31 - 1),
  // 64-bit integers are doubles here: at the ends they are rounded to the power of two.
  INT64: whole(-(2 ** 63), 2 ** 63),
  FP16: real,
  BF16: real,
  FP32: real,
  FP64: real,
  BYTES: { kind: "string", holds: anyNumber },
};
