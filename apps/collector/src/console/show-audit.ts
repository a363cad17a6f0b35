import { type AuditRecord, AuditSearch, Fault } from "@locum/contracts";
import {
  type AuditView,
  auditConditions,
  auditPage,
  auditSearch,
  intervalFor,
  type PageContent,
  readAuditView,
  recordPage,
} from "@locum/dashboards/pages";
import { readAudit } from "../audit-port.ts";
import type { PageDeps } from "./console-pages.ts";

export async function showAudit(deps: PageDeps, query: URLSearchParams): Promise<PageContent> {
  const view = readAuditView(query);
  const intervalMs = intervalFor(await spanOf(deps, view));
  const answer = await deps.auditLog.search(auditSearch(view, intervalMs));
  const body = auditPage({ view, answer, intervalMs, ...namesOf(deps, answer.records) });
  return { title: "Audit", section: "audit", body };
}

/**
 * From about when to about when the records are that match: the times of the first and the last of them, for their
 * numbers are indexed whatever the filter is. Clocks that jumped make the bars wider or narrower, not wrong.
 */
async function spanOf({ auditLog }: PageDeps, view: AuditView): Promise<number> {
  const edge = async (order: "asc" | "desc"): Promise<number | null> => {
    const sort = [{ field: "seq", order }] as const;
    const { records } = await auditLog.search(
      AuditSearch.parse({ filter: auditConditions(view), sort, limit: 1 }),
    );
    return records[0] ? Date.parse(records[0].event.at) : null;
  };
  const from = view.fromMs ?? (await edge("asc")) ?? 0;
  const to = view.toMs ?? (await edge("desc")) ?? from;
  return Math.abs(to - from);
}

/** What the form offers: what is configured, and what the records of this page name. */
function namesOf(
  { fleet }: PageDeps,
  records: readonly AuditRecord[],
): { services: string[]; instances: string[] } {
  const configured = fleet.all().map(({ config }) => config);
  const sorted = (names: readonly (string | null)[]): string[] =>
    [...new Set(names.filter((name) => name !== null && name !== ""))].sort() as string[];
  return {
    services: sorted([
      ...configured.map(({ service }) => service),
      ...records.map(({ event }) => event.service),
    ]),
    instances: sorted([
      ...configured.flatMap(({ instances }) => instances.map(({ id }) => id)),
      ...records.map(({ event }) => event.instance),
    ]),
  };
}

export async function showRecord({ auditLog }: PageDeps, text: string): Promise<PageContent> {
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  const near = seq < 0 ? [] : await readAudit(auditLog, { afterSeq: seq - 2, limit: 3, order: "asc" });
  const at = (wanted: number) => near.find((record) => record.seq === wanted) ?? null;
  const record = at(seq);
  if (!record)
    throw new Fault("not-found", `no record ${text}`, {
      hint: `The newest record is ${auditLog.head().seq}.`,
    });
  const body = recordPage({ record, before: at(seq - 1), after: at(seq + 1) });
  return { title: `Record ${seq}`, section: "audit", body };
}
