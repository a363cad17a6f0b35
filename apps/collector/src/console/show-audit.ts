import { AuditSearch, Fault } from "@locum/contracts";
import {
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

const valuesMax = 500;

export async function showAudit({ auditLog }: PageDeps, query: URLSearchParams): Promise<PageContent> {
  const view = readAuditView(query);
  // The widths of the bars follow from the times that match, so those are asked first.
  const time = await auditLog.search(
    AuditSearch.parse({
      filter: auditConditions(view),
      limit: 0,
      aggregations: { at: { op: "stats", field: "at" } },
    }),
  );
  const { at } = time.aggregations;
  const { min, max } = at && "avg" in at ? at : { min: null, max: null };
  const intervalMs = intervalFor((view.toMs ?? max ?? 0) - (view.fromMs ?? min ?? 0));
  const all = await auditLog.search(
    AuditSearch.parse({
      limit: 0,
      aggregations: {
        service: { op: "terms", field: "service", size: valuesMax },
        instance: { op: "terms", field: "instance", size: valuesMax },
        kind: { op: "terms", field: "kind", size: valuesMax },
      },
    }),
  );
  const buckets = (name: string): { key: string; count: number }[] => {
    const found = all.aggregations[name];
    return found && "buckets" in found
      ? found.buckets.map(({ key, count }) => ({ key: String(key), count }))
      : [];
  };
  const names = (name: string): string[] =>
    buckets(name)
      .map(({ key }) => key)
      .filter((key) => key !== "")
      .sort();
  const body = auditPage({
    view,
    answer: await auditLog.search(auditSearch(view, intervalMs)),
    services: names("service"),
    instances: names("instance"),
    kinds: buckets("kind"),
    intervalMs,
  });
  return { title: "Audit", section: "audit", body };
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
