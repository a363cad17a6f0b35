import { assert } from "@locum/contracts";
import type { InjectConfig } from "./config.ts";
import { domain } from "./keys.ts";
import { type Outcome, type Plan, planObjects, stripObjects } from "./plan-objects.ts";
import { declined } from "./reasons.ts";
import { applyEdits, type Edit, Uneditable } from "./yaml/edit.ts";
import { editDocument } from "./yaml/edit-document.ts";
import { equal } from "./yaml/equal.ts";
import { contentEnd, nextLine, rangeOf } from "./yaml/places.ts";
import { recordSource, sourcePlaceholder, takeBack } from "./yaml/source-record.ts";
import { parseStream, type YamlDoc, type YamlProblem } from "./yaml/stream.ts";

export type TextResult =
  | { kind: "broken"; problem: YamlProblem }
  | { kind: "done"; text: string; outcomes: Outcome[]; objects: { before: unknown; after: unknown }[] };

/**
 * A stream of YAML or JSON documents with the sidecars in: comments, anchors, order, quoting, line ends and everything
 * else stay as they are. What is not injected passes through byte by byte. Injected again it stays the same.
 */
export function injectText(text: string, config: InjectConfig): TextResult {
  const [result] = injectTexts([text], config);
  assert(result, "one text gives one result");
  return result;
}

/** Several files of one input: a Service of one may lead to a pod of another. */
export function injectTexts(texts: readonly string[], config: InjectConfig): TextResult[] {
  const bares = texts.map((text) => stripStream(text.replace(/^\uFEFF/, "")));
  const values = bares.map((bare) => (bare.kind === "broken" ? [] : bare.docs.map(({ value }) => value)));
  const plans = planObjects(values.flat(), config);
  let from = 0;
  return bares.map((bare, index): TextResult => {
    if (bare.kind === "broken") return bare;
    const own = plans.slice(from, from + bare.docs.length);
    from += bare.docs.length;
    const bom = texts[index]?.startsWith("\uFEFF") ? "\uFEFF" : "";
    return writePlans(bare, own, bom);
  });
}

function writePlans(bare: Bare & { kind: "bare" }, plans: readonly Plan[], bom: string): TextResult {
  const wanted = bare.docs.map((doc, index) => {
    const plan = plans[index];
    return { doc, after: plan?.sourcePath ? withSource(plan.after, plan.sourcePath) : doc.value };
  });
  const edited = editStream(bare.text, wanted, { record: true });
  const isRefused = (index: number): boolean => edited.refused.has(index);
  return {
    kind: "done",
    text: bom + edited.text,
    outcomes: plans.flatMap(({ outcomes }, index) =>
      isRefused(index)
        ? outcomes.map((one) => refusedOutcome(one, bare.docs[index]?.duplicateKeys ?? false))
        : outcomes,
    ),
    objects: plans.map(({ after }, index) => {
      const before = bare.docs[index]?.value;
      return { before, after: isRefused(index) ? before : after };
    }),
  };
}

/** The stream before any injection: byte by byte where it was not edited since, else with our parts taken out. */
export function uninjectText(text: string): Uninjected {
  const bom = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const bare = stripStream(text.slice(bom.length));
  return bare.kind === "broken" ? bare : { kind: "done", text: bom + bare.text, exact: bare.exact };
}

/** `exact` where every byte is as it was before; false where a part was edited since, and only our own was taken out. */
export type Uninjected =
  | { kind: "broken"; problem: YamlProblem }
  | { kind: "done"; text: string; exact: boolean };

type Bare =
  | { kind: "bare"; text: string; docs: YamlDoc[]; exact: boolean }
  | { kind: "broken"; problem: YamlProblem };

function stripStream(text: string): Bare {
  const parsed = parseStream(text);
  if ("problem" in parsed) return { kind: "broken", problem: parsed.problem };
  if (!text.includes(`${domain}/`) && !text.includes("locum-sidecar"))
    return { kind: "bare", text, docs: parsed.docs, exact: true };
  const back: Edit[] = [];
  const edited: { doc: YamlDoc; after: unknown }[] = [];
  for (const doc of parsed.docs) {
    const exact = exactInverse(text, doc);
    if (exact) back.push(...exact);
    edited.push({ doc, after: exact ? doc.value : stripObjects(doc.value) });
  }
  const isEdited = edited.some(({ doc, after }) => !equal(doc.value, after));
  if (back.length === 0 && !isEdited) return { kind: "bare", text, docs: parsed.docs, exact: true };
  const { text: bare } = editStream(text, edited, { record: false, also: back });
  const again = parseStream(bare);
  if ("problem" in again) return { kind: "broken", problem: again.problem };
  return { kind: "bare", text: bare, docs: again.docs, exact: !isEdited };
}

function exactInverse(text: string, { doc, value }: YamlDoc): Edit[] | null {
  const data = findSource(value);
  return data === null || !doc.contents ? null : takeBack(text, rangeOf(doc.contents)[0], data);
}

function findSource(value: unknown, depth = 0): string | null {
  if (typeof value !== "object" || value === null || depth > 6) return null;
  const { metadata, items, "x-locum": extension } = value as Record<string, unknown>;
  const annotations = (metadata as Record<string, unknown> | null)?.annotations as Record<
    string,
    unknown
  > | null;
  const own = annotations?.[`${domain}/source`] ?? (extension as Record<string, unknown> | null)?.source;
  if (typeof own === "string") return own;
  if (!Array.isArray(items)) return null;
  for (const item of items) {
    const found = findSource(item, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function withSource(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return sourcePlaceholder;
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === key ? withSource(item, rest) : item));
  const object = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  return { ...object, [key]: withSource(object[key], rest) };
}

/** The wanted value with its own record, which was not known when it was made. */
function withData(value: unknown, data: string): unknown {
  if (value === sourcePlaceholder) return data;
  if (Array.isArray(value)) return value.map((item) => withData(item, data));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withData(one, data)]));
}

type Wanted = { doc: YamlDoc; after: unknown };

/**
 * Edits the documents that are to change. The result is read again and compared: a document that would not read as
 * wanted keeps its old text, and its number is in `refused`.
 */
function editStream(
  text: string,
  wanted: readonly Wanted[],
  { record, also = [] }: { record: boolean; also?: readonly Edit[] },
): { text: string; refused: Set<number> } {
  const refused = new Set<number>();
  const editsOf = wanted.map(({ doc: { doc, value, duplicateKeys }, after }, index): Edit[] => {
    if (equal(value, after)) return [];
    try {
      if (duplicateKeys) throw new Uneditable("a key stands twice");
      const edits = editDocument({ text, doc, before: value, after });
      if (!record || !doc.contents) return edits;
      const [base] = rangeOf(doc.contents);
      return recordSource(edits, { base, old: text.slice(base, nextLine(text, contentEnd(doc.contents))) });
    } catch (error) {
      if (!(error instanceof Uneditable)) throw error;
      refused.add(index);
      return [];
    }
  });
  for (let round = 0; round < 2; round += 1) {
    const result = applyEdits(text, [
      ...also,
      ...editsOf.flatMap((edits, index) => (refused.has(index) ? [] : edits)),
    ]);
    const bad = wrongDocs(result, wanted, { refused, record });
    if (bad.length === 0) return { text: result, refused };
    for (const index of bad) refused.add(index);
  }
  for (const [index, edits] of editsOf.entries()) if (edits.length > 0) refused.add(index);
  return { text: applyEdits(text, also), refused };
}

function wrongDocs(
  text: string,
  wanted: readonly Wanted[],
  { refused, record }: { refused: ReadonlySet<number>; record: boolean },
): number[] {
  const read = parseStream(text, { places: false });
  const changing = wanted.flatMap(({ doc, after }, index) =>
    !refused.has(index) && !equal(doc.value, after) ? [index] : [],
  );
  if ("problem" in read || read.docs.length !== wanted.length) return changing;
  return changing.filter((index) => {
    const found = read.docs[index]?.value;
    const after = wanted[index]?.after;
    const data = record ? findSource(found) : null;
    return !equal(found, data === null ? after : withData(after, data));
  });
}

function refusedOutcome(one: Outcome, duplicate: boolean): Outcome {
  if (one.outcome !== "injected") return one;
  const { apiVersion, kind, namespace, name } = one;
  const { reason, detail } = duplicate
    ? declined("duplicate_keys", "a key stands twice in one of its mappings")
    : declined("unsafe_edit", "its text cannot be edited so that the edit can be taken back");
  return { apiVersion, kind, namespace, name, outcome: "declined", reason, detail };
}
