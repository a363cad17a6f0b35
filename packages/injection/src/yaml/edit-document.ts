import { type Document, isCollection, isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { alignLists } from "./align-lists.ts";
import { applyEdits, type Edit, Uneditable } from "./edit.ts";
import { equal } from "./equal.ts";
import { expandAliases } from "./expand-aliases.ts";
import * as place from "./places.ts";
import { blockLines, flowText, inline, scalarText } from "./render.ts";

type Ctx = {
  text: string;
  eol: string;
  edits: Edit[];
  /** Nodes whose value changes, from the root down: an alias to one of them must be written out. */
  changed: Set<unknown>;
  isJson: boolean;
};

/**
 * The edits that lead from the text of a document to the text of `after`, touching nothing else: new keys and items are
 * written in the style of their neighbours, scalars change in place. Whether the result reads as `after` is for the
 * caller to check.
 * @throws Uneditable
 */
export function editDocument({
  text,
  doc,
  before,
  after,
}: {
  text: string;
  doc: Document.Parsed;
  before: unknown;
  after: unknown;
}): Edit[] {
  const { contents } = doc;
  if (!contents) throw new Uneditable("an empty document");
  const [start] = place.rangeOf(contents);
  const ctx: Ctx = {
    text,
    eol: eolOf(text, start),
    edits: [],
    changed: new Set(),
    isJson: isMap(contents) && place.isFlow(contents),
  };
  change(ctx, contents, before, after, ctx.isJson);
  const edits = expandAliases(doc, ctx.edits, ctx.changed);
  applyEdits(text, edits);
  return edits;
}

function eolOf(text: string, at: number): string {
  const line = text.indexOf("\n", at);
  const end = line < 0 ? text.indexOf("\n") : line;
  return end > 0 && text[end - 1] === "\r" ? "\r\n" : "\n";
}

function change(ctx: Ctx, node: unknown, before: unknown, after: unknown, inFlow: boolean): void {
  if (equal(before, after)) return;
  ctx.changed.add(node);
  if (isMap(node) && isRecord(after) && isRecord(before))
    return changeMap(ctx, node, before, after, inFlow || place.isFlow(node));
  if (isSeq(node) && Array.isArray(after) && Array.isArray(before))
    return changeList(ctx, node, before, after, inFlow || place.isFlow(node));
  if (isScalar(node) && node.type?.startsWith("BLOCK_")) return changeNumber(ctx, node, before, after);
  replace(ctx, node, after, inFlow);
}

/** Of a text of several lines only a number is changed, where it stands. */
function changeNumber(ctx: Ctx, node: unknown, before: unknown, after: unknown): void {
  const numbers = (text: unknown) => [...String(text).matchAll(/\d+/g)];
  const [start] = place.rangeOf(node);
  const end = place.contentEnd(node);
  // The head of the block (`|2-`) may hold a number of its own.
  const head = start + ctx.text.slice(start, end).indexOf("\n");
  const [were, are, written] = [numbers(before), numbers(after), numbers(ctx.text.slice(head, end))];
  const at = were.findIndex(([digits], index) => digits !== are[index]?.[0]);
  const found = written[at];
  if (!found || were.length !== are.length || were.length !== written.length)
    throw new Uneditable("a block of text");
  ctx.edits.push({ at: head + found.index, remove: found[0].length, insert: are[at]?.[0] ?? "" });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function changeMap(
  ctx: Ctx,
  map: YAMLMap,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  inFlow: boolean,
): void {
  const added: Record<string, unknown> = {};
  const gone = map.items.filter((pair) => {
    const key = place.keyText(pair);
    return key !== undefined && Object.hasOwn(before, key) && !Object.hasOwn(after, key);
  });
  if (gone.length > 0 && gone.length === map.items.length) return replace(ctx, map, after, inFlow);
  removeItems(
    ctx,
    map,
    gone.map((pair) => map.items.indexOf(pair)),
    inFlow,
  );
  for (const [key, value] of Object.entries(after)) {
    if (Object.hasOwn(before, key) && equal(before[key], value)) continue;
    const own = place.ownPair(map, key);
    if (!own) added[key] = value;
    else if (place.isEmptyValue(own.value)) fillEmpty(ctx, map, own, value, inFlow);
    else change(ctx, own.value, before[key], value, inFlow);
  }
  if (Object.keys(added).length > 0) addPairs(ctx, map, added, inFlow);
}

function addPairs(ctx: Ctx, map: YAMLMap, added: Record<string, unknown>, inFlow: boolean): void {
  const { text, eol } = ctx;
  if (map.items.length === 0) return replace(ctx, map, added, inFlow);
  const first = place.itemStart(map, 0);
  const column = place.columnOf(text, first);
  if (inFlow) {
    const pad = place.padBefore(text, first);
    const gap = pad === null ? " " : eol + pad;
    const pairs = Object.entries(added).map(([key, value]) => {
      return `${inline(key)}: ${flowText(value, pad, ctx)},${gap}`;
    });
    ctx.edits.push({ at: first, remove: 0, insert: pairs.join("") });
    return;
  }
  const lines = blockLines(added, column, ctx);
  if (place.startsLine(text, first) && column > 0)
    ctx.edits.push({ at: place.firstLine(text, first), remove: 0, insert: lines });
  // Behind a dash, or at the root: the new key takes the place of the first one, which moves to a line of its own.
  else ctx.edits.push({ at: first, remove: 0, insert: lines.slice(column) + " ".repeat(column) });
}

/** `annotations:` and `annotations: {}` get their first children. */
function fillEmpty(
  ctx: Ctx,
  map: YAMLMap,
  pair: YAMLMap["items"][number],
  value: unknown,
  inFlow: boolean,
): void {
  const { text, eol } = ctx;
  ctx.changed.add(pair.value);
  if (!isScalar(pair.value)) throw new Uneditable("a value without a place");
  const [start, end] = place.rangeOf(pair.value);
  const isNested = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (inFlow || !isNested) {
    ctx.edits.push({ at: start, remove: end - start, insert: `${start === end ? " " : ""}${inline(value)}` });
    return;
  }
  const column = place.columnOf(text, place.itemStart(map, map.items.indexOf(pair as never)));
  const lines = blockLines(value, column + 2, ctx);
  ctx.edits.push({ at: start, remove: end - start, insert: eol + lines.slice(0, -eol.length) });
}

function changeList(ctx: Ctx, list: YAMLSeq, before: unknown[], after: unknown[], inFlow: boolean): void {
  const steps = alignLists(before, after);
  if (list.items.length === 0 || steps.every(({ kind }) => kind !== "same"))
    return replace(ctx, list, after, inFlow);
  removeItems(
    ctx,
    list,
    steps.flatMap((step) => (step.kind === "gone" ? [step.from] : [])),
    inFlow,
  );
  for (const step of steps) {
    if (step.kind === "same") change(ctx, list.items[step.from], before[step.from], after[step.to], inFlow);
    else if (step.kind === "new") addItem(ctx, list, step.before, after[step.to], inFlow);
  }
}

function addItem(ctx: Ctx, list: YAMLSeq, index: number, value: unknown, inFlow: boolean): void {
  const { text, eol } = ctx;
  const isLast = index === list.items.length;
  const first = place.itemStart(list, isLast ? 0 : index);
  const column = place.columnOf(text, first);
  if (inFlow) {
    const pad = place.padBefore(text, first);
    const gap = pad === null ? " " : eol + pad;
    const item = flowText(value, pad, ctx);
    if (isLast)
      ctx.edits.push({ at: place.contentEnd(list.items.at(-1)), remove: 0, insert: `,${gap}${item}` });
    else ctx.edits.push({ at: first, remove: 0, insert: `${item},${gap}` });
    return;
  }
  const lines = blockLines([value], column, ctx);
  if (!isLast) {
    // Above the comments of the item that it stands before, where it is the first; else right before its dash.
    if (index === 0 && place.startsLine(text, first) && column > 0)
      ctx.edits.push({ at: place.firstLine(text, first), remove: 0, insert: lines });
    else ctx.edits.push({ at: first, remove: 0, insert: lines.slice(column) + " ".repeat(column) });
    return;
  }
  const at = place.nextLine(text, place.contentEnd(list.items.at(-1)));
  const isOpen = at === text.length && text[at - 1] !== "\n";
  ctx.edits.push({ at, remove: 0, insert: isOpen ? eol + lines.slice(0, -eol.length) : lines });
}

/** Takes out pairs or items: in block style with the lines that they stand on, in flow style with their commas. */
function removeItems(ctx: Ctx, node: YAMLMap | YAMLSeq, indexes: readonly number[], inFlow: boolean): void {
  const { text } = ctx;
  for (const [order, index] of indexes.entries()) {
    const item = node.items[index] as YAMLMap["items"][number];
    ctx.changed.add(isMap(node) ? item.value : item);
    const start = place.itemStart(node, index);
    const end = itemEnd(node, index);
    const isLast = index === node.items.length - 1;
    if (inFlow) {
      // One edit for neighbours that go together: its comma belongs to either.
      if (indexes[order - 1] === index - 1) continue;
      const stop = runEnd(indexes, order);
      const reachesEnd = stop === node.items.length - 1;
      const from = reachesEnd && index > 0 ? itemEnd(node, index - 1) : start;
      const to = reachesEnd ? itemEnd(node, stop) : place.itemStart(node, stop + 1);
      ctx.edits.push({ at: from, remove: to - from, insert: "" });
    } else if (place.startsLine(text, start)) {
      const from = place.lineStart(text, start);
      ctx.edits.push({ at: from, remove: place.nextLine(text, end) - from, insert: "" });
    } else if (isLast) throw new Uneditable("the only child of a line cannot be taken out");
    else ctx.edits.push({ at: start, remove: place.itemStart(node, index + 1) - start, insert: "" });
  }
}

/** The last of the neighbours that begin at `order`. */
function runEnd(indexes: readonly number[], order: number): number {
  let at = order;
  while (indexes[at + 1] === (indexes[at] ?? 0) + 1) at += 1;
  return indexes[at] ?? 0;
}

function itemEnd(node: YAMLMap | YAMLSeq, index: number): number {
  const item = node.items[index] as YAMLMap["items"][number];
  if (!isMap(node)) return place.contentEnd(item);
  const key = place.rangeOf(item.key)[1];
  return item.value === null ? key : Math.max(key, place.contentEnd(item.value));
}

/** In block style the new value takes the old one's lines; everywhere else it stands on one line. */
function replace(ctx: Ctx, node: unknown, after: unknown, inFlow: boolean): void {
  const [start] = place.rangeOf(node);
  const remove = place.contentEnd(node) - start;
  const isNested = typeof after === "object" && after !== null;
  if (isScalar(node) && node.type?.startsWith("BLOCK_")) throw new Uneditable("a block of text");
  if (isScalar(node) && !isNested)
    ctx.edits.push({ at: start, remove, insert: scalarText(after, ctx.isJson) });
  else if (isCollection(node) && !inFlow && !node.flow && isNested && Object.keys(after).length > 0) {
    const column = place.columnOf(ctx.text, start);
    const lines = blockLines(after, column, ctx);
    ctx.edits.push({ at: start, remove, insert: lines.slice(column, -ctx.eol.length) });
  } else ctx.edits.push({ at: start, remove, insert: inline(after) });
}
