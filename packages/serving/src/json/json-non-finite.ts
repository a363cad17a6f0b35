import type { Headers } from "../http/exchange.ts";
import { plainBodySync } from "../http/plain-body.ts";
import type { WireDefect } from "../wire.ts";
import { isObject } from "./is-object.ts";
import { readJson } from "./read-json.ts";

const bytesMax = 8 * 1024 * 1024;

/**
 * The first value that is no finite number in a JSON answer of no fixed form: the words of Python and C for NaN and
 * infinity, which JSON does not have, anywhere; and `null` or such a word in quotes among numbers, since a key without
 * a value says nothing of numbers. Under a key of `numeric` a list of nothing but `null` counts too. Undefined for
 * bodies that it cannot read. Never throws.
 *
 * For the data path: a clean answer costs a few searches and no parse.
 */
export function jsonNonFinite(
  headers: Headers,
  body: Uint8Array,
  { numeric = [] }: { numeric?: readonly string[] } = {},
): WireDefect | undefined {
  try {
    const plain = plainBodySync(headers, body, bytesMax);
    if ("reason" in plain || plain.body.length > bytesMax || !mayHoldNonFinite(plain.body)) return undefined;
    const place = find(readJson(plain.body, "upstream-protocol"), { at: "", numeric });
    return place === undefined ? undefined : { kind: "not-finite", detail: place.slice(0, 200) };
  } catch {
    return undefined;
  }
}

type Place = { at: string; numeric: readonly string[] };

function find(value: unknown, { at, numeric }: Place): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `output ${at}`;
  if (Array.isArray(value)) return findInList(value, { at, numeric });
  if (!isObject(value)) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = find(inner, { at: at === "" ? key : `${at}.${key}`, numeric: at === "" ? numeric : [] });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Nested lists are one tensor: a row of `null` beside a row of numbers is a row of NaN. */
function findInList(list: unknown[], { at, numeric }: Place): string | undefined {
  const leaves = list.some(Array.isArray) ? list.flat(Number.POSITIVE_INFINITY) : list;
  let numbers = 0;
  let nulls = 0;
  let first = -1;
  for (const [index, leaf] of leaves.entries()) {
    if (typeof leaf === "number") {
      numbers++;
      if (!Number.isFinite(leaf)) return `output ${at}[${index}]`;
    } else if (leaf === null || (typeof leaf === "string" && quoted.test(leaf))) {
      nulls++;
      if (first < 0) first = index;
    } else if (isObject(leaf)) {
      const found = find(leaf, { at: `${at}[${index}]`, numeric: [] });
      if (found !== undefined) return found;
    }
  }
  const isNumeric = numbers > 0 || (nulls === leaves.length && numeric.includes(at));
  return nulls > 0 && isNumeric ? `output ${at}[${first}]` : undefined;
}

const quoted = /^[+-]?(nan|inf|infinity)$/i;
const words: readonly { word: string; behind: string }[] = [
  { word: "null", behind: "[," },
  ...["NaN", "nan", "Inf", "inf"].map((word) => ({ word, behind: "[,:" })),
];

/** May be wrong only by saying yes. The engine's own search does the work. */
function mayHoldNonFinite(json: Buffer): boolean {
  for (const { word, behind } of words)
    for (let at = json.indexOf(word); at >= 0; at = json.indexOf(word, at + 1))
      if (standsBehind(json, at, behind)) return true;
  return false;
}

/** Whether a word stands where a value does: behind one of these, a sign or a quote between. */
function standsBehind(json: Buffer, at: number, behind: string): boolean {
  let i = at - 1;
  if (json[i] === 0x2d || json[i] === 0x2b) i--;
  if (json[i] === 0x22) i--;
  while (i >= 0 && (json[i] ?? 0) <= 0x20) i--;
  // A body that is one value has nothing in front of it.
  return i < 0 || behind.includes(String.fromCharCode(json[i] ?? 0));
}
