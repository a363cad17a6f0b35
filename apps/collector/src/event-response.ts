import { type AuditRecord, Fault } from "@locum/contracts";
import type { InstanceView, StreamEvent } from "@locum/contracts/client";
import { type AuditLog, readAudit } from "./audit-port.ts";
import type { EventBus } from "./event-bus.ts";

const watchersMax = 256;
/** A watcher that is this far behind is let go: it comes back with Last-Event-ID and reads the log instead. */
const unreadMax = 2000;
const pageSize = 500;

type Watch = {
  bus: EventBus;
  log: AuditLog;
  service: string | undefined;
  /** Sequence number of the last audit event that the watcher has; undefined for "from now on". */
  after: number | undefined;
  signal: AbortSignal;
  beatMs?: number;
};

/**
 * Server-sent events: first what the watcher missed, out of the log, then what happens. Live events are collected
 * from before the log is read, so that none falls between.
 * @throws Fault conflict
 */
export function eventResponse({ bus, log, service, after, signal, beatMs = 15_000 }: Watch): Response {
  if (bus.listeners() >= watchersMax) throw new Fault("conflict", `${watchersMax} watchers are here already`);
  const unread: StreamEvent[] = [];
  let wake: () => void = () => undefined;
  let ended = signal.aborted;
  const end = (): void => {
    ended = true;
    wake();
  };
  const offer = (event: StreamEvent): void => {
    unread.push(event);
    if (unread.length > unreadMax) end();
    wake();
  };
  const unsubscribe = bus.subscribe({
    audit: (record: AuditRecord) => offer({ kind: "audit", record }),
    report: (instance: InstanceView) => offer({ kind: "report", instance }),
    end,
  });
  const beat = setInterval(() => wake(), beatMs);
  signal.addEventListener("abort", end, { once: true });

  const next = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      if (ended || unread.length > 0) resolve();
    });
  async function* texts(): AsyncGenerator<string> {
    let last = after ?? -1;
    yield ": locum\n\n";
    for (let page = after === undefined ? [] : await missed(); page.length > 0; page = await missed()) {
      for (const record of page) {
        last = record.seq;
        if (isOf(service, { kind: "audit", record })) yield sse({ kind: "audit", record });
      }
    }
    while (!ended) {
      await next();
      if (unread.length === 0) yield ": beat\n\n";
      for (const event of unread.splice(0)) {
        if (event.kind === "audit" && event.record.seq <= last) continue;
        if (isOf(service, event)) yield sse(event);
      }
    }
    function missed() {
      return readAudit(log, { afterSeq: last, limit: pageSize, order: "asc" });
    }
  }
  const release = (): void => {
    end();
    clearInterval(beat);
    unsubscribe();
    signal.removeEventListener("abort", end);
  };
  return new Response(streamOf(texts(), release), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  });
}

const isOf = (service: string | undefined, event: StreamEvent): boolean =>
  service === undefined ||
  (event.kind === "audit" ? event.record.event.service : event.instance.service) === service;

const sse = (event: StreamEvent): string =>
  `${event.kind === "audit" ? `id: ${event.record.seq}\n` : ""}event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;

function streamOf(texts: AsyncGenerator<string>, release: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await texts.next();
        if (!done) return controller.enqueue(encoder.encode(value));
      } catch (error) {
        release();
        throw error;
      }
      release();
      controller.close();
    },
    cancel: release,
  });
}
