import type { AuditEvent, Client } from "@locum/contracts";
import type { TimelineLine } from "./play-fault.ts";

type Line = (event: AuditEvent) => Omit<TimelineLine, "offsetMs"> | null;

/** What of the audit log a person wants to read while it happens; everything else stays in the log. */
const lines: Partial<Record<AuditEvent["kind"], Line>> = {
  "verdict.change": ({ instance, facts, reason }) =>
    facts.to === "failed"
      ? {
          step: "detect",
          text: `${instance}: ${facts.failure} · ${reason}`,
          failed: { instance: instance ?? "", failure: String(facts.failure) },
        }
      : facts.from === "failed"
        ? { step: "proven", text: `${instance}: ${facts.to}` }
        : null,
  "divert.start": ({ instance }) => ({ step: "divert", text: `${instance}: new requests go elsewhere` }),
  "divert.end": ({ instance }) => ({ step: "divert", text: `${instance}: takes requests again` }),
  "promote.commit": ({ instance, epoch }) => ({
    step: "promote",
    text: `${instance} is active in epoch ${epoch}`,
  }),
  "promote.abort": ({ instance, reason }) => ({ step: "abort", text: `${instance}: ${reason}` }),
  "no-candidate": ({ reason }) => ({ step: "refuse", text: reason }),
  "restore.intent": ({ instance, reason }) => ({ step: "restore", text: `${instance}: ${reason}` }),
  "restore.result": ({ instance, facts }) => ({
    step: "restore",
    text: `${instance}: ${facts.outcome} in ${Math.round(Number(facts.tookMs))} ms`,
  }),
  "reload.intent": ({ instance, reason }) => ({ step: "reload", text: `${instance}: ${reason}` }),
  "restart.intent": ({ instance, reason }) => ({ step: "restart", text: `${instance}: ${reason}` }),
  "release.approve": ({ facts }) => ({
    step: "release",
    text: `approved ${String(facts.release ?? facts.digest ?? "").slice(0, 19)}`,
  }),
  "release.change": ({ instance, facts }) =>
    facts.from ? { step: "release", text: `${instance} answers as ${String(facts.to).slice(0, 19)}` } : null,
  "collector.takeover": ({ facts }) => ({ step: "collector", text: `started, term ${facts.term}` }),
};

const againMs = 100;

/** Follows the collector's events for as long as the demo runs, through a collector that is killed. */
export async function followStory({
  api,
  nowMs,
  tell,
  signal,
}: {
  api: Client;
  nowMs: () => number;
  tell: (line: TimelineLine) => void;
  signal: AbortSignal;
}): Promise<void> {
  const originMs = Date.now() - nowMs();
  let after: number | undefined;
  while (!signal.aborted) {
    try {
      for await (const event of api.events({ signal, ...(after === undefined ? {} : { after }) })) {
        if (event.kind !== "audit") continue;
        after = event.record.seq;
        const line = lines[event.record.event.kind]?.(event.record.event);
        if (line) tell({ offsetMs: Date.parse(event.record.event.at) - originMs, ...line });
      }
    } catch {
      // The collector is away: asked again until it is back.
    }
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}
