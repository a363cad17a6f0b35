import { createHash, type Hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Tally } from "@locum/audit";
import { type InferenceBatch, type InferenceSink, openInferenceWriter } from "@locum/audit/inference";
import {
  type AuditEvent,
  digestOf,
  type InferenceDecision,
  type InferenceRecord,
  type Policy,
  requestIdPattern,
  splitModelKey,
} from "@locum/contracts";
import type { Clock, Log, Random } from "@locum/runtime";
import type { SidecarConfig } from "./config.ts";
import type { RequestTrace, TraceEnd } from "./tap/tap-deps.ts";

/** What the instance is at a moment: which release answers for a model, and by which orders. */
export type ServedNow = { releaseOf: (model: string | undefined) => string | null; policy: Policy | null };

export type InferenceRecords = {
  trace(headers: IncomingHttpHeaders): RequestTrace | undefined;
  stats(): { waiting: number; stagedBytes: number; refused: number };
  close(): Promise<void>;
};

type Ports = {
  config: SidecarConfig;
  sink: InferenceSink;
  /** Folder of what is on its way. */
  dir: string;
  now: () => ServedNow;
  record: (fact: Pick<AuditEvent, "kind" | "reason" | "facts">) => Promise<boolean>;
  tally: Tally;
  clock: Clock;
  random: Random;
  log: Log;
  everyMs?: number;
};

/** A sink that hangs does not keep the sidecar from stopping: what waits is shipped after the next start. */
const closeMsMax = 5000;
/** It changes by restores and orders; a thousand requests a second must not each ask for it. */
const servedAgeMsMax = 100;

/**
 * A record of each inference that passes the tap: hashes, digests and times, nothing of its content. The hashes are
 * made of the pieces as they pass; all other work is done later, and none of it can hold a request up.
 */
export function createInferenceRecords(ports: Ports): InferenceRecords {
  const { config, now, clock, random, log, everyMs = 200 } = ports;
  const { service, instance } = config;
  const { sample, batchRecords, batchMs } = service.inference;
  const configDigest = digestOf(service);
  const policyDigest = createPolicyDigest();
  const unrecorded = createUnrecorded(ports);
  const writer = openInferenceWriter({
    dir: ports.dir,
    sink: ports.sink,
    batchRecords,
    batchMs,
    onBatch: (batch) => ports.record(rootOf(batch)),
    onRefused: unrecorded.refuse,
    onFault: (what, error) => log("error", what, { error }),
    monotonicMs: clock.monotonicMs,
  });
  const timer = setInterval(() => void writer.tick().then(() => unrecorded.tell()), everyMs);
  timer.unref();

  let served: { atMs: number; now: ServedNow } | undefined;
  const servedNow = (): ServedNow => {
    const atMs = clock.monotonicMs();
    if (!served || atMs - served.atMs > servedAgeMsMax) served = { atMs, now: now() };
    return served.now;
  };

  const recordOf = (id: string, startedMs: number, hashes: Hashes, ended: TraceEnd): InferenceRecord => {
    const { releaseOf, policy } = servedNow();
    const { model = null, version = null } = ended.model === undefined ? {} : splitModelKey(ended.model);
    return {
      id,
      at: new Date(startedMs).toISOString(),
      service: service.service,
      instance: instance.id,
      answeredBy: ended.answeredBy?.id ?? null,
      model: model?.slice(0, 1000).toWellFormed() ?? null,
      version,
      release: releaseOf(ended.model),
      config: configDigest,
      policy: policy && policyDigest(policy),
      inputHash: ended.uploaded ? textOf(hashes.input) : null,
      outputHash: ended.answeredBy ? textOf(hashes.output) : null,
      decision: decisionOf(ended),
      status: ended.status,
      whole: ended.whole,
      latencyMs: Math.round(ended.ms * 1000) / 1000,
    };
  };
  return {
    trace(headers) {
      if (sample < 1 && random.next() >= sample) {
        unrecorded.sampleOut();
        return undefined;
      }
      const startedMs = clock.wallMs();
      const given = headers["x-request-id"];
      // Ours begin with the time, so that whoever looks for one knows where.
      const id =
        typeof given === "string" && requestIdPattern.test(given)
          ? given
          : `${startedMs.toString(16).padStart(12, "0")}-${random.id()}`;
      const hashes = { input: createHash("sha256"), output: createHash("sha256") };
      return {
        id,
        request: (chunk) => void hashes.input.update(chunk),
        answer: (chunk) => void hashes.output.update(chunk),
        end: (ended) => writer.add(recordOf(id, startedMs, hashes, ended)),
      };
    },
    stats: writer.stats,
    async close() {
      clearInterval(timer);
      const late = new AbortController();
      await Promise.race([writer.close(), clock.sleep(closeMsMax, late.signal)]);
      late.abort();
      await unrecorded.tell({ all: true });
    },
  };
}

/** What is in no batch becomes a number of the audit log: what was refused at once, the rest once for each batch. */
function createUnrecorded({ config: { service, instance }, tally, clock }: Ports) {
  const who = { kind: "inference.record", service: service.service, instance: instance.id } as const;
  let refused = 0;
  let sampledOut = 0;
  let toldAtMs = clock.monotonicMs();
  return {
    refuse(count: number): void {
      refused += count;
    },
    sampleOut(): void {
      sampledOut += 1;
    },
    async tell({ all = false }: { all?: boolean } = {}): Promise<void> {
      const counts = { refused, sampledOut };
      const isDue = all || clock.monotonicMs() - toldAtMs >= service.inference.batchMs;
      refused = 0;
      if (counts.refused > 0) await tally.add(who, "refused", counts.refused);
      if (!isDue || counts.sampledOut === 0) return;
      toldAtMs = clock.monotonicMs();
      sampledOut -= counts.sampledOut;
      await tally.add(who, "sampled", counts.sampledOut);
    },
  };
}

type Hashes = { input: Hash; output: Hash };
const textOf = (hash: Hash): string => `sha256:${hash.digest("hex")}`;

function decisionOf({ answeredBy, wrong, resent, status }: TraceEnd): InferenceDecision {
  if (!answeredBy) return status === 0 ? "unanswered" : "refused";
  if (wrong) return "wrong";
  if (resent) return "retried";
  return answeredBy.own ? "passed" : "diverted";
}

const rootOf = ({ name, root, count, firstAt, lastAt }: InferenceBatch) => ({
  kind: "inference.root" as const,
  reason: `${count} inference records`,
  facts: { batch: name, root, count, firstAt, lastAt },
});

/** Policies change rarely: one digest is made of each. */
function createPolicyDigest(): (policy: Policy) => string {
  let last: { policy: Policy; digest: string } | undefined;
  return (policy) => {
    if (last?.policy !== policy) last = { policy, digest: digestOf(policy) };
    return last.digest;
  };
}
