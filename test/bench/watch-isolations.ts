import type { AuditKind } from "@locum/contracts";
import type { StackView } from "../stack/stack-view.ts";

export type IsolationEvent = { event: string; instance: string | null; at: string; reason: string };
export type Watched = {
  /** From the audit log. */
  events: IsolationEvent[];
  /** Seen in /status, whatever the log says: one for each time that an instance went out. */
  sightings: { instance: string; offsetMs: number; verdict: string; diverted: boolean }[];
};

export const isolationKinds: AuditKind[] = [
  "divert.start",
  "promote.intent",
  "promote.commit",
  "incident.open",
  "restore.intent",
  "reload.intent",
  "restart.intent",
  "fence.intent",
];

const lookMs = 50;
const pageMax = 1000;

/** Looks at every sidecar twenty times a second, and reads the audit log from here on at the end. */
export async function startWatch(stack: StackView): Promise<{ stop(): Promise<Watched> }> {
  const after = await lastSeq(stack);
  const sightings: Watched["sightings"] = [];
  const out = new Set<string>();
  const startedMs = performance.now();
  const look = async (id: string) => {
    const report = await stack.report(id);
    if (!report) return;
    const isOut = report.diverted || report.verdict.kind === "failed";
    if (isOut && !out.has(id))
      sightings.push({
        instance: id,
        offsetMs: Math.round(performance.now() - startedMs),
        verdict: report.verdict.kind,
        diverted: report.diverted,
      });
    if (isOut) out.add(id);
    else out.delete(id);
  };
  const timer = setInterval(() => {
    for (const id of stack.ids) void look(id);
  }, lookMs);
  return {
    async stop() {
      clearInterval(timer);
      return { events: await isolationsSince(stack, after), sightings };
    },
  };
}

/** The number of the newest record; -1 of an empty log. */
export async function lastSeq({ api }: StackView): Promise<number> {
  const [last] = await api.audit({ order: "desc", limit: 1 });
  return last?.seq ?? -1;
}

export async function isolationsSince({ api }: StackView, after: number): Promise<IsolationEvent[]> {
  const records = await api.audit({ kind: isolationKinds, limit: pageMax, after: Math.max(0, after) });
  return records.map(({ event: { kind, instance, at, reason } }) => ({ event: kind, instance, at, reason }));
}
