import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type ShippingView } from "@locum/contracts";
import type { Output } from "../output.ts";
import { compareHaproxy, type HaproxyResult, haproxyVersion } from "./compare-haproxy.ts";
import { type CopyTarget, copyText, waitForCopy } from "./demo-copy.ts";
import { demoFaults } from "./demo-faults.ts";
import { type Fleet, startFleet } from "./demo-fleet.ts";
import { renderComparison, renderLine, renderResult, renderSummary, span } from "./demo-screen.ts";
import { keepOpen } from "./keep-open.ts";
import { startOnlookers } from "./onlookers.ts";
import { type FaultResult, playFault, type TimelineLine } from "./play-fault.ts";
import { openStage } from "./stage.ts";
import { startWitness } from "./witness.ts";
import { writeDemoEvidence } from "./write-demo-evidence.ts";

export type DemoOptions = {
  out: Output;
  only: string[];
  compare: boolean;
  /** Do not end with the last fault. */
  keep: boolean;
  /** Where its audit log is copied to; null for nowhere. */
  copy: CopyTarget | null;
  root: string;
  columns: number;
  signal: AbortSignal;
};
export type DemoSummary = {
  faults: FaultResult[];
  answers: number;
  failed: number;
  wrong: number;
  tookMs: number;
  evidence: string[];
  haproxy: HaproxyResult[];
  /** How the copy in Elasticsearch stood at the end; null where there is none. */
  copied: ShippingView | null;
  objectivesMet: boolean;
};

/**
 * Two real model servers, real sidecars, a real collector, and a client that knows nothing of them: then one fault
 * after the other. Everything that it starts, and the folder that it works in, is gone when it ends.
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const nowMs = () => performance.now();
  const startedMs = nowMs();
  const { out, columns, signal } = options;
  const { paint, say: print, event: emit } = out;
  print(`${paint("bold", "Locum")}: your model server says 200. Is the answer right?\n`);
  const dir = await mkdtemp(join(tmpdir(), "locum-demo-"));
  const closing: (() => Promise<void> | void)[] = [() => rm(dir, { recursive: true, force: true })];
  try {
    const fleet = await startFleet({
      dir,
      root: options.root,
      copy: options.copy,
      signal,
      say: (step) => print(paint("dim", `  ${span(nowMs() - startedMs).padStart(7)}  ${step}`)),
    });
    closing.push(fleet.close);
    const witness = startWitness({
      url: fleet.serviceUrl,
      images: fleet.images,
      references: fleet.references.current,
    });
    const onlookers = startOnlookers({ sidecars: fleet.sidecars, models: fleet.models, nowMs });
    const stage = openStage({ fleet, witness, onlookers, nowMs, signal });
    closing.push(witness.stop, onlookers.stop, stage.stop);
    print(
      `\n  ${fleet.serviceUrl}  50 requests/s of handwritten digits\n  ${fleet.collectorUrl}  collector\n`,
    );
    emit({ kind: "started", service: fleet.serviceUrl, collector: fleet.collectorUrl });
    const faults: FaultResult[] = [];
    for (const fault of demoFaults.filter(
      ({ name }) => options.only.length === 0 || options.only.includes(name),
    )) {
      const tell = (line: TimelineLine) => {
        print(renderLine(line, paint, columns));
        emit({ kind: "event", fault: fault.name, ...line });
      };
      const result = await playFault(fault, { stage, witness, onlookers, tell });
      faults.push(result);
      print(renderResult(result, paint));
      emit({ kind: "fault", ...result });
    }
    const haproxy = options.compare ? await playHaproxy({ dir, fleet, nowMs, options }) : [];
    const evidence = await writeDemoEvidence({ fleet, faults });
    const client = createClient({ baseUrl: fleet.collectorUrl, token: fleet.adminToken });
    const copied = options.copy ? await waitForCopy(client, signal) : null;
    const summary = summaryOf(faults, {
      answers: witness.answers(),
      tookMs: nowMs() - startedMs,
      evidence,
      haproxy,
      copied,
    });
    print(renderSummary(faults, paint));
    if (haproxy.length > 0) print(`\n${renderComparison(haproxy, faults, paint)}`);
    print(
      `\n  ${summary.answers} answers in ${span(summary.tookMs)}: ${summary.failed} failed, ${summary.wrong} wrong. Signed evidence, one file a fault:`,
    );
    for (const file of evidence.slice(0, 2)) print(`    ${file}`);
    print(`  Check one yourself: npm run locum -- verify FILE`);
    if (copied) print(`  ${copyText(copied)}`);
    if (!options.keep) print(`  Look at the pages yourself: npm run demo -- --keep`);
    print("");
    out.summary(summary);
    if (options.keep) {
      for (const { stop } of [witness, onlookers, stage]) stop();
      await keepOpen({ fleet, out, signal });
    }
    return summary;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** The same strikes on two fresh model servers behind a real HAProxy. Skipped, and said so, where none is installed. */
async function playHaproxy({
  dir,
  fleet,
  nowMs,
  options: { out, signal },
}: {
  dir: string;
  fleet: Fleet;
  nowMs: () => number;
  options: DemoOptions;
}): Promise<HaproxyResult[]> {
  const version = haproxyVersion();
  if (version === null) {
    out.say("  No haproxy on this machine: the comparison is skipped (Debian: apt-get install haproxy).\n");
    return [];
  }
  out.say(
    `  The same faults behind HAProxy ${version}, option httpchk, inter 2s fall 3, standby as backup:\n`,
  );
  const models = await fleet.startPair();
  return compareHaproxy(
    {
      dir,
      models,
      files: fleet.files,
      images: fleet.images,
      reference: fleet.references.current,
      nowMs,
      signal,
    },
    (result) => {
      out.say(
        `  ${result.fault.padEnd(16)} failed ${result.failed}, wrong ${result.wrong} of ${result.answers} answers in ${span(result.windowMs)}`,
      );
      out.event({ kind: "haproxy", ...result });
    },
  );
}

function summaryOf(
  faults: FaultResult[],
  {
    answers,
    tookMs,
    evidence,
    haproxy,
    copied,
  }: Pick<DemoSummary, "tookMs" | "evidence" | "haproxy" | "copied"> & {
    answers: readonly { outcome: string }[];
  },
): DemoSummary {
  const count = (outcome: string) => answers.filter((answer) => answer.outcome === outcome).length;
  return {
    faults,
    answers: answers.length,
    failed: count("failed"),
    wrong: count("wrong"),
    tookMs: Math.round(tookMs),
    evidence,
    haproxy,
    copied,
    objectivesMet: faults.every(({ objectiveMet, restored }) => objectiveMet && restored),
  };
}
