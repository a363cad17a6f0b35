import {
  type Alias,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { Uneditable } from "./edit.ts";

/** Where nodes are in a text. The parser keeps tokens with offsets; these say what they mean for an edit. */

export const isFlow = (node: YAMLMap | YAMLSeq): boolean => node.flow === true;

export function rangeOf(node: unknown): [start: number, end: number] {
  const range = (node as Node | null)?.range;
  if (!range) throw new Uneditable("a node without a place");
  return [range[0], range[1]];
}

/** Where the text of a node ends, without the blank lines and comments after it. */
export function contentEnd(node: unknown): number {
  if (isCollection(node) && !isFlow(node as YAMLMap) && node.items.length > 0) {
    const last = node.items.at(-1);
    if (isPair(last)) return Math.max(contentEnd(last.key), last.value === null ? 0 : contentEnd(last.value));
    if (last !== null) return contentEnd(last);
  }
  return rangeOf(node)[1];
}

export const lineStart = (text: string, at: number): number => text.lastIndexOf("\n", at - 1) + 1;

/** After the line break that ends the line of `at`; the end of the text where none comes. */
export function nextLine(text: string, at: number): number {
  if (at > 0 && text[at - 1] === "\n") return at;
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

export const columnOf = (text: string, at: number): number => at - lineStart(text, at);

/** Whether nothing but blanks stands before `at` on its line. */
export const startsLine = (text: string, at: number): boolean =>
  /^ *$/.test(text.slice(lineStart(text, at), at));

/** The blanks or tabs that alone stand before `at` on its line; null where something else does. */
export function padBefore(text: string, at: number): string | null {
  const before = text.slice(lineStart(text, at), at);
  return /^[ \t]*$/.test(before) && at > 0 ? before : null;
}

type SourceItem = {
  start: { type: string; offset: number; source: string }[];
  key?: { offset: number } | null;
};

const sourceItem = (node: YAMLMap | YAMLSeq, index: number): SourceItem | undefined =>
  (node.srcToken as { items?: SourceItem[] } | undefined)?.items?.[index];

/** The first character of an item: its dash in block style, itself (with tag and anchor) in flow. */
export function itemStart(node: YAMLMap | YAMLSeq, index: number): number {
  const source = sourceItem(node, index);
  const token = source?.start.find(({ type }) => !["space", "newline", "comment", "comma"].includes(type));
  if (token) return token.offset;
  const item = node.items[index];
  return rangeOf(isPair(item) ? item.key : item)[0];
}

/** The first line after that of the parent, where a new first child of a block can stand above its comments. */
export function firstLine(text: string, child: number): number {
  let at = lineStart(text, child);
  while (at > 0) {
    const above = lineStart(text, at - 1);
    if (!/^[ \t]*(#[^\n]*)?\r?\n$/.test(text.slice(above, at))) break;
    at = above;
  }
  return at;
}

export const keyText = (pair: Pair): string | undefined =>
  isScalar(pair.key) ? String(pair.key.value) : undefined;

/** A value that is written as nothing, or as `null`. */
export const isEmptyValue = (value: unknown): boolean =>
  value === null || (isScalar(value) && value.value === null);

export const isNode = (value: unknown): value is Node | Alias =>
  isScalar(value) || isCollection(value) || isAlias(value);

export const ownPair = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => keyText(pair) === key && !isMerge(map, pair));

/** `<<` brings in the keys of another mapping. */
const isMerge = (_map: YAMLMap, pair: Pair): boolean =>
  isScalar(pair.key) && (pair.key.value === "<<" || typeof pair.key.value === "symbol") && !isMap(pair.key);
