import { type AuditCondition, AuditKind, AuditSearch, Fault } from "@locum/contracts";
import { link } from "./link.ts";

/** What the audit explorer shows, as its URL says it. Null is all. */
export type AuditView = {
  kinds: AuditKind[];
  service: string | null;
  instance: string | null;
  incident: string | null;
  actor: string | null;
  text: string | null;
  fromMs: number | null;
  toMs: number | null;
  order: "asc" | "desc";
  /** The page begins behind this record. */
  after: number | null;
};

export const pageRows = 50;

/** @throws Fault request-invalid, which names the parameter */
export function readAuditView(query: URLSearchParams): AuditView {
  const text = (name: string): string | null => {
    const value = query.get(name)?.trim() ?? "";
    if (value.length > 200) throw refused(name, "at most 200 characters", `${value.length}`);
    return value === "" ? null : value;
  };
  const kinds = query.getAll("kind").filter((kind) => kind !== "");
  const unknown = kinds.find((kind) => !AuditKind.safeParse(kind).success);
  if (unknown !== undefined) throw refused("kind", "a kind of record", `"${unknown.slice(0, 40)}"`);
  const after = text("after");
  if (after !== null && !/^\d{1,15}$/.test(after)) throw refused("after", "a record's number", `"${after}"`);
  return {
    kinds: [...new Set(kinds as AuditKind[])],
    service: text("service"),
    instance: text("instance"),
    incident: text("incident"),
    actor: text("actor"),
    text: text("text"),
    fromMs: readTime("from", text("from")),
    toMs: readTime("to", text("to")),
    order: query.get("order") === "asc" ? "asc" : "desc",
    after: after === null ? null : Number(after),
  };
}

/** The same view, changed, as an address; a change of the filters begins at the first page. */
export function auditLink(view: AuditView, change: Partial<AuditView> = {}): string {
  const { kinds, service, instance, incident, actor, text, fromMs, toMs, order, after } = {
    ...view,
    after: null,
    ...change,
  };
  return link(["audit"], {
    kind: kinds,
    service,
    instance,
    incident,
    actor,
    text,
    from: fromMs === null ? null : fieldTime(fromMs),
    to: toMs === null ? null : fieldTime(toMs),
    order: order === "desc" ? null : order,
    after,
  });
}

export function auditConditions(view: AuditView): AuditCondition[] {
  const conditions: AuditCondition[] = [];
  if (view.kinds.length > 0) conditions.push({ op: "terms", field: "kind", values: view.kinds });
  for (const field of ["service", "instance", "incident", "actor"] as const) {
    const value = view[field];
    if (value !== null) conditions.push({ op: "term", field, value });
  }
  if (view.text !== null) conditions.push({ op: "text", words: view.text });
  if (view.fromMs !== null) conditions.push({ op: "range", field: "at", gte: view.fromMs });
  if (view.toMs !== null) conditions.push({ op: "range", field: "at", lt: view.toMs });
  return conditions;
}

/** One page of records, and how many there are over time. */
export const auditSearch = (view: AuditView, intervalMs: number): AuditSearch =>
  AuditSearch.parse({
    filter: auditConditions(view),
    sort: [{ field: "seq", order: view.order }],
    limit: pageRows,
    ...(view.after === null ? {} : { after: [view.after] }),
    aggregations: { time: { op: "histogram", intervalMs, by: "kind" } },
  });

/** As the field of a form has it: UTC to the second. */
export const fieldTime = (atMs: number): string => new Date(atMs).toISOString().slice(0, 19);

function readTime(name: string, text: string | null): number | null {
  if (text === null) return null;
  const isShape = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?)?Z?$/.test(text);
  const atMs = isShape
    ? Date.parse(text.includes("T") && !text.endsWith("Z") ? `${text}Z` : text)
    : Number.NaN;
  if (Number.isNaN(atMs)) throw refused(name, "a time such as 2030-01-31T12:00:00", `"${text.slice(0, 40)}"`);
  return atMs;
}

const refused = (name: string, expected: string, found: string): Fault =>
  new Fault("request-invalid", `${name}: expected ${expected}, found ${found}`, {
    hint: "Take it out of the address, or choose another value in the form.",
  });
