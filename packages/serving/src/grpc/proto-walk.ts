/** One field of a protobuf message: its number, its wire type, and where its value lies. */
export type Visit = (field: number, wire: number, from: number, to: number) => void;

/** How many fields one message may still show: an empty one costs its reader far more than its two bytes. */
export type WalkBudget = { left: number };

export const wireVarint = 0;
export const wire64 = 1;
export const wireBytes = 2;
export const wire32 = 5;

/**
 * Shows each field of the protobuf message in bytes[from, to) in its order, and allocates nothing: for the data path.
 * False, after the fields before it, where the bytes are no message: a field that reaches past the end, a wire type
 * that proto3 does not use, a field number of 0, or more fields than the budget.
 */
export function walkMessage(
  bytes: Uint8Array,
  { from = 0, to = bytes.length, budget = { left: 1_000_000 } }: Partial<Span> & { budget?: WalkBudget },
  visit: Visit,
): boolean {
  for (let at = from; at < to; ) {
    const tagEnd = varintEnd(bytes, at, to);
    if (tagEnd < 0 || --budget.left < 0) return false;
    const tag = varint(bytes, at, tagEnd);
    const wire = tag % 8;
    const field = Math.floor(tag / 8);
    if (field === 0 || field > 0x1fffffff) return false;
    let start = tagEnd;
    let end: number;
    if (wire === wireVarint) end = varintEnd(bytes, start, to);
    else if (wire === wire64) end = start + 8;
    else if (wire === wire32) end = start + 4;
    else if (wire === wireBytes) {
      const lengthEnd = varintEnd(bytes, start, to);
      if (lengthEnd < 0) return false;
      end = lengthEnd + varint(bytes, start, lengthEnd);
      start = lengthEnd;
    } else return false;
    if (end < 0 || !(end <= to)) return false;
    visit(field, wire, start, end);
    at = end;
  }
  return true;
}

export type Span = { from: number; to: number };

/** Behind the varint at `at`; -1 where it does not end within `to` or within ten bytes. */
export function varintEnd(bytes: Uint8Array, at: number, to: number): number {
  const last = Math.min(to, at + 10);
  for (let i = at; i < last; i++) if (((bytes[i] ?? 0) & 0x80) === 0) return i + 1;
  return -1;
}

/** The unsigned value of the whole varint in bytes[from, to), to the nearest double past 2^53. */
export function varint(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 7) return longVarint(bytes, from, to, false);
  let value = 0;
  let scale = 1;
  for (let i = from; i < to; i++) {
    value += ((bytes[i] ?? 0) & 0x7f) * scale;
    scale *= 128;
  }
  return value;
}

/** The same as an int64 or int32: ten bytes whose top bit is set are a negative number. */
export function signedVarint(bytes: Uint8Array, from: number, to: number): number {
  return to - from > 7 ? longVarint(bytes, from, to, true) : varint(bytes, from, to);
}

/**
 * In parts of 28, 28 and 8 bits, so that only the last sum rounds and small negative numbers are exact. Bits past the
 * 64th are dropped.
 */
function longVarint(bytes: Uint8Array, from: number, to: number, isSigned: boolean): number {
  const low = varint(bytes, from, from + 4);
  const middle = varint(bytes, from + 4, from + 8);
  const high = varint(bytes, from + 8, to) & 0xff;
  return ((isSigned && high >= 0x80 ? high - 0x100 : high) * 2 ** 28 + middle) * 2 ** 28 + low;
}
