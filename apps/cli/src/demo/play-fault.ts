import type { DemoFault } from "./demo-faults.ts";
import type { Onlookers, Sighting } from "./onlookers.ts";
import type { Stage } from "./stage.ts";
import type { Answer, Witness } from "./witness.ts";

export type FaultResult = {
  fault: string;
  title: string;
  target: string;
  healthCheck: string;
  locum: string;
  detectedMs: number | null;
  rtoMs: number;
  failed: number;
  wrong: number;
  answers: number;
  restored: boolean;
  restoredMs: number | null;
  objectives: { rtoMs: number; failedMax: number | null; restoredMs: number };
  objectiveMet: boolean;
  missed: string[];
  /** Wall clock, to find its records in the audit log. */
  startedAtMs: number;
  endedAtMs: number;
};

export type TimelineLine = {
  offsetMs: number;
  step: string;
  text: string;
  /** Of a verdict that says so: which instance failed, and how. */
  failed?: { instance: string; failure: string };
};
type Tell = (line: TimelineLine) => void;

/** The instance has to be proven right again within this, with nobody's help. */
export const restoreMsMax = 30_000;
/** After the last event of a fault the client goes on for so long, so that a relapse is counted. */
const afterglowMs = 1_100;
const peacefulMs = 3500;
/** An answer that took longer kept its client waiting: it counts into the recovery time. */
const lateMs = 250;

/** Plays one fault: strikes, watches until everything is right again, and measures with the client's own eyes. */
export async function playFault(
  fault: DemoFault,
  { stage, witness, onlookers, tell }: { stage: Stage; witness: Witness; onlookers: Onlookers; tell: Tell },
): Promise<FaultResult> {
  const target = await stage.serving(fault.strikes);
  const startMs = stage.nowMs();
  const offset = (atMs: number) => Math.max(0, atMs - startMs);
  tell({ offsetMs: 0, step: "fault", text: `${target.id}: ${fault.title}` });
  stage.follow((line) => tell({ ...line, offsetMs: offset(line.offsetMs) }));
  await fault.inject(stage, target);
  if (fault.peaceful) {
    await stage.until(() => stage.nowMs() - startMs > peacefulMs, "the deploy to settle", restoreMsMax);
  } else {
    await stage.until(
      () => detection(target.id, startMs, stage, onlookers) !== null,
      `the failure of ${target.id} to be seen`,
      10_000,
    );
  }
  // Only what was seen after the failure says that it is over.
  const fromMs = detection(target.id, startMs, stage, onlookers)?.atMs ?? startMs;
  await stage.until(
    () => stage.ids.every((id) => isSettled(onlookers.latest(id), fromMs)),
    "every instance to be proven right",
    restoreMsMax,
  );
  const settledMs = stage.nowMs();
  await stage.until(() => stage.nowMs() - settledMs > afterglowMs, "the last answers", 5000);
  stage.follow(null);
  return measure(fault, {
    target: target.id,
    startMs,
    settledMs,
    witness,
    onlookers,
    refused: stage.wasRefused(startMs),
    detected: detection(target.id, startMs, stage, onlookers),
  });
}

type Detection = { atMs: number; failure: string };

/** The first word of a failure: seen from outside twenty times a second, or told by the collector, which misses none. */
function detection(target: string, startMs: number, stage: Stage, onlookers: Onlookers): Detection | null {
  const seen = onlookers
    .sightings()
    .find(({ instance, atMs, verdict }) => instance === target && atMs >= startMs && verdict === "failed");
  const told = stage.failures().find(({ instance, atMs }) => instance === target && atMs >= startMs);
  return [seen, told].filter((one) => one !== undefined).sort((a, b) => a.atMs - b.atMs)[0] ?? null;
}

const isSettled = (sighting: Sighting | undefined, fromMs: number) =>
  sighting !== undefined && sighting.atMs > fromMs && sighting.fit && !sighting.diverted;

type Window = {
  target: string;
  startMs: number;
  settledMs: number;
  witness: Witness;
  onlookers: Onlookers;
  refused: boolean;
  detected: Detection | null;
};

function measure(
  fault: DemoFault,
  { target, startMs, settledMs, witness, onlookers, refused, detected }: Window,
): FaultResult {
  const answers = [...witness.answers(), ...unansweredOf(witness)].filter(({ endMs }) => endMs >= startMs);
  const bad = answers.filter(({ outcome }) => outcome !== "right");
  const failed = bad.filter(({ outcome }) => outcome === "failed").length;
  // From the fault to the last answer that was bad or late: from then on everything is answered, rightly and at once.
  const disturbed = answers.filter(
    ({ outcome, sentMs, endMs }) => outcome !== "right" || endMs - sentMs > lateMs,
  );
  const rtoMs = Math.max(0, ...disturbed.map(({ endMs }) => endMs - startMs));
  const seen = onlookers
    .sightings()
    .filter((sighting) => sighting.instance === target && sighting.atMs >= startMs);
  const diverted = seen.some((sighting) => sighting.diverted);
  const restoredMs = fault.peaceful ? null : settledMs - startMs;
  const missed = [
    rtoMs > fault.objectives.rtoMs
      ? `RTO ${Math.round(rtoMs)} ms, objective ${fault.objectives.rtoMs} ms`
      : null,
    failed > (fault.objectives.failedMax ?? Number.POSITIVE_INFINITY)
      ? `${failed} failed requests, objective ${fault.objectives.failedMax}`
      : null,
    fault.broken?.({ diverted, refused }) ?? null,
  ].filter((text) => text !== null);
  return {
    fault: fault.name,
    title: fault.title,
    target,
    healthCheck: saidMost(onlookers, target, startMs, detected?.atMs ?? settledMs),
    locum: detected?.failure ?? "nothing",
    detectedMs: detected ? Math.round(detected.atMs - startMs) : null,
    rtoMs: Math.round(rtoMs),
    failed,
    wrong: bad.length - failed,
    answers: answers.length,
    restored: fault.peaceful ? true : (restoredMs ?? Number.POSITIVE_INFINITY) <= restoreMsMax,
    restoredMs: restoredMs === null ? null : Math.round(restoredMs),
    objectives: { ...fault.objectives, restoredMs: restoreMsMax },
    objectiveMet: missed.length === 0,
    missed,
    startedAtMs: Math.round(performance.timeOrigin + startMs),
    endedAtMs: Math.round(performance.timeOrigin + performance.now()),
  };
}

/** A request that waits for so long has failed for whoever sent it; the same holds behind HAProxy. */
export const waitMsMax = 1_000;

export function unansweredOf(witness: Witness): Answer[] {
  const nowMs = performance.now();
  return witness
    .waiting()
    .filter((sentMs) => nowMs - sentMs > waitMsMax)
    .map((sentMs) => ({ sentMs, endMs: nowMs, outcome: "failed", detail: "no answer yet" }));
}

/** What an ordinary readiness check said of the instance between the fault and its end. */
function saidMost(onlookers: Onlookers, target: string, startMs: number, untilMs: number): string {
  const said = onlookers
    .checks()
    .filter((check) => check.instance === target && check.atMs >= startMs && check.atMs <= untilMs + 1500)
    .map((check) => check.said);
  const unwell = said.find((text) => text !== "200 ready");
  return unwell ?? said[0] ?? "not asked";
}
