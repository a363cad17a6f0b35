import type { AuditAnswer } from "@locum/contracts";
import {
  dashboardPage,
  type dashboards,
  intervalFor,
  isAuditSource,
  type PageContent,
  panelSearch,
  readSpan,
  spans,
} from "@locum/dashboards/pages";
import type { PageDeps } from "./console-pages.ts";
import { samplesOf } from "./samples-of.ts";

const paces = { everyMs: 30_000, gatherMs: 3000 };
/** What looks back over more than a day is not asked again and again. */
const watchedMs = 24 * 3_600_000;

/** Every panel's question is asked of the log's own projection, over the time that the address names. */
export async function showDashboard(
  { auditLog, clock, metrics }: PageDeps,
  dashboard: (typeof dashboards)[number],
  query: URLSearchParams,
): Promise<PageContent> {
  const span = readSpan(query.get("span"));
  const [, spanMs] = spans[span];
  const toMs = clock.wallMs();
  const view = { fromMs: toMs - spanMs, toMs, intervalMs: intervalFor(spanMs) };
  const answers = new Map<string, AuditAnswer>();
  for (const { id, source } of dashboard.panels)
    if (isAuditSource(source)) answers.set(id, await auditLog.search(panelSearch(source, view)));
  const samples = samplesOf(metrics());
  const body = dashboardPage({ dashboard, span, view, answers, samples });
  const content = { title: dashboard.title, section: "dashboards", body } as const;
  return spanMs <= watchedMs ? { ...content, live: { events: "/events", ...paces } } : content;
}
