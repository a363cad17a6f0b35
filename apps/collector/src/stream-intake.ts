import { type CollectorFrame, frameBytesMax, type Release } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { StreamEvents } from "./adapters/stream-hub.ts";
import type { Closing, Session } from "./adapters/stream-session.ts";
import { type AuditGate, refusedAlready } from "./audit-gate.ts";
import type { RecordIntake } from "./record-intake.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import type { ServiceLoop } from "./service-loop.ts";
import type { Witnesses } from "./witnesses.ts";

/** Breaches of one identity that are written down in a minute; the others are counted. */
const breachesPerMinute = 10;

export type StreamCounts = { framesIn: Record<string, number>; framesRejected: number };

type Ports = {
  loop: (service: string) => ServiceLoop | undefined;
  intake: RecordIntake;
  shelf: ReleaseShelf;
  gate: AuditGate;
  witnesses: Witnesses;
  clock: Clock;
  say: Log;
  counts: StreamCounts;
};

/** What sidecars say, handed to whom it concerns: reports and results to the loop of their service, records to the log. */
export function createStreamIntake(ports: Ports): StreamEvents {
  const { loop, intake, shelf, gate, witnesses, clock, say, counts } = ports;
  const count = (kind: string): void => {
    counts.framesIn[kind] = (counts.framesIn[kind] ?? 0) + 1;
  };
  const breaches = new Map<string, { untilMs: number; count: number }>();
  const isNoted = (who: string): boolean => {
    const now = clock.monotonicMs();
    for (const [key, { untilMs }] of breaches) if (untilMs < now) breaches.delete(key);
    const seen = breaches.get(who) ?? { untilMs: now + 60_000, count: 0 };
    seen.count += 1;
    breaches.set(who, seen);
    return seen.count <= breachesPerMinute;
  };
  return {
    connected(session, releases, witness) {
      count("hello");
      witnesses.connected(session, witness);
      for (const release of shelf.of(session.service))
        if (!releases.includes(release.digest)) sendRelease(session.send, release, say);
      const found = loop(session.service);
      const signed = found?.performer.policy();
      if (signed) session.send({ kind: "policy", signed });
      found?.driver.put({ kind: "connected", ...idOf(session) });
    },
    disconnected(session) {
      intake.forget(session);
      witnesses.disconnected(session);
      loop(session.service)?.driver.put({ kind: "disconnected", ...idOf(session) });
    },
    report(session, { seq, sentMs, report }) {
      count("report");
      loop(session.service)?.driver.put({ kind: "report", ...idOf(session), seq, sentMs, report });
    },
    result({ service, instance }, result) {
      count("result");
      loop(service)?.driver.put({ kind: "result", instance, result });
    },
    record(session, { seq, event }) {
      count("record");
      const taken = intake.take(session, seq, event, (upTo) => session.send({ kind: "recorded", seq: upTo }));
      if (!taken) session.reject({ code: 1013, reason: "too many unacknowledged records" });
    },
    witnessed(session, answer) {
      count("witnessed");
      witnesses.answered(session, answer);
    },
    rejected(closing, who) {
      counts.framesRejected += 1;
      say("warn", "a stream was closed for a breach of the wire contract", { ...who, ...closing });
      const { service = "", instance = null } = who ?? {};
      if (isNoted(`${service}/${instance}`))
        void gate.append([breachEvent(closing, service, instance, clock)]).catch(refusedAlready);
    },
  };
}

/** What does not fit into a frame, the sidecar fetches at /v1/releases/{digest}. */
export function sendRelease(send: (frame: CollectorFrame) => unknown, release: Release, say: Log): void {
  const frame = { kind: "release", release } as const;
  const bytes = Buffer.byteLength(JSON.stringify(frame));
  if (bytes <= frameBytesMax) send(frame);
  else say("warn", "a release is too large for a frame and is not pushed", { digest: release.digest, bytes });
}

const idOf = ({ instance, incarnation }: Session) => ({ instance, incarnation });

const breachEvent = ({ code, reason }: Closing, service: string, instance: string | null, clock: Clock) => ({
  kind: "sidecar.disconnect" as const,
  at: new Date(clock.wallMs()).toISOString(),
  service,
  instance,
  actor: "collector",
  epoch: 0,
  incident: null,
  reason: `closed for a breach of the wire contract: ${reason}`.slice(0, 1000),
  facts: { breach: true, closeCode: code },
});
