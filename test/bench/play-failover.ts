import type { Report } from "@locum/contracts";
import type { ModelProcess } from "../stack/model-process.ts";
import type { Stack } from "../stack/start-stack.ts";
import { type Strike, strikes } from "../stack/strikes.ts";
import { passed, until } from "../stack/until.ts";
import type { Answer, Witness } from "../stack/witness.ts";

/** One fault in one way of serving, as an independent client saw it. Times count from the strike. */
export type Play = {
  way: string;
  fault: string;
  /** To the first right answer of a request that was sent after the strike; null if none came. */
  firstMs: number | null;
  /** To the last answer that was missing or wrong; 0 if there was none. */
  lastBadMs: number;
  /** Longest time without a right answer. */
  gapMs: number;
  failed: number;
  wrong: number;
  answers: number;
  /** To the failed verdict. */
  detectedMs: number | null;
  /** To files, answers and proofs being right again everywhere, with nobody's help. */
  restoredMs: number | null;
};

const quietMs = 500;
const afterglowMs = 500;
/** How long HAProxy is watched: its check's worst case, and the client's own time-out. */
const peerWindowMs = 12_000;

/** @throws where the instance is never found failed, or never proven right again */
export async function playLocum({
  stack,
  witness,
  fault,
}: {
  stack: Stack;
  witness: Witness;
  fault: Strike;
}): Promise<Play> {
  const target = await stack.holding("active");
  await warm(witness);
  // A random phase: probes and goldens have a rhythm, and a bench that keeps step with it measures luck.
  await passed(Math.random() * 1000);
  const startMs = performance.now();
  const startWallMs = Date.now();
  await strikes[fault](target);
  const detectedMs = await detected({ stack, id: target.id, startMs, startWallMs, withinMs: 10_000 });
  await stack.settled({ withinMs: 60_000 });
  const restoredMs = performance.now() - startMs;
  await passed(afterglowMs);
  return {
    way: "locum",
    fault,
    ...seenBy(witness.answers(), startMs),
    detectedMs: Math.round(detectedMs),
    restoredMs: Math.round(restoredMs),
  };
}

/** Nobody asks: only the goldens can tell. */
export async function playIdle(stack: Stack, fault: Strike): Promise<Play> {
  const target = await stack.holding("active");
  await passed(Math.random() * 5000);
  const startMs = performance.now();
  const startWallMs = Date.now();
  await strikes[fault](target);
  const detectedMs = await detected({ stack, id: target.id, startMs, startWallMs, withinMs: 60_000 });
  await stack.settled({ withinMs: 90_000 });
  const nothing = { firstMs: null, lastBadMs: 0, gapMs: 0, failed: 0, wrong: 0, answers: 0 };
  const restoredMs = Math.round(performance.now() - startMs);
  return { way: "locum idle", fault, ...nothing, detectedMs: Math.round(detectedMs), restoredMs };
}

export async function playHaproxy({
  way,
  witness,
  target,
  fault,
}: {
  way: string;
  witness: Witness;
  target: ModelProcess;
  fault: Strike;
}): Promise<Play> {
  await servesAgain(target);
  await warm(witness);
  await passed(Math.random() * 1000);
  const startMs = performance.now();
  await strikes[fault](target);
  await passed(peerWindowMs);
  await witness.end();
  const seen = seenBy(witness.answers(), startMs);
  // What a person would do now.
  target.signal("SIGKILL");
  await until(() => target.pid() === undefined, { what: "the model server to end" });
  await target.revive();
  return { way, fault, ...seen, detectedMs: null, restoredMs: null };
}

/** After the fault before this one HAProxy takes a while to trust a server again. */
async function servesAgain(target: ModelProcess): Promise<void> {
  const handled = async () => {
    const { handled } = (await (await fetch(`${target.url}/faults`)).json()) as {
      handled: Record<string, number>;
    };
    return Object.values(handled).reduce((sum, count) => sum + count, 0);
  };
  const before = await handled();
  await until(async () => (await handled()) > before + 20, { what: "requests to come back", everyMs: 100 });
}

async function warm(witness: Witness): Promise<void> {
  const sinceMs = performance.now();
  const calm = () => {
    const recent = witness.answers().filter(({ endMs }) => endMs > performance.now() - quietMs);
    return (
      performance.now() - sinceMs > quietMs &&
      recent.length > 0 &&
      recent.every(({ outcome }) => outcome === "right")
    );
  };
  await until(calm, { what: "half a second of right answers" });
}

const isFailed = (report: Report | null): boolean => report?.verdict.kind === "failed";

type Wait = { stack: Stack; id: string; startMs: number; startWallMs: number; withinMs: number };

/**
 * From the strike to the failed verdict. Some failures are repaired between two looks: then the incident tells, whose
 * time is the wall clock of this same machine.
 */
async function detected({ stack, id, startMs, startWallMs, withinMs }: Wait): Promise<number> {
  const look = async (): Promise<number | false> => {
    if (isFailed(await stack.report(id))) return performance.now() - startMs;
    const incidents = await stack.api.incidents({ limit: 10 });
    const found = incidents.find(({ instance, openedAtMs }) => instance === id && openedAtMs >= startWallMs);
    return found ? found.openedAtMs - startWallMs : false;
  };
  return until(look, { what: `a failed verdict on ${id}`, withinMs, everyMs: 25 });
}

type Seen = Pick<Play, "firstMs" | "lastBadMs" | "gapMs" | "failed" | "wrong" | "answers">;

function seenBy(all: readonly Answer[], startMs: number): Seen {
  const answers = all.filter(({ endMs }) => endMs >= startMs);
  const right = answers.filter(({ outcome }) => outcome === "right");
  const bad = answers.filter(({ outcome }) => outcome !== "right");
  const ends = [startMs, ...right.map(({ endMs }) => endMs).sort((a, b) => a - b)];
  const failed = bad.filter(({ outcome }) => outcome === "failed").length;
  const first = right.filter(({ sentMs }) => sentMs >= startMs).map(({ endMs }) => endMs - startMs);
  return {
    firstMs: first.length === 0 ? null : Math.round(Math.min(...first) * 10) / 10,
    lastBadMs: bad.length === 0 ? 0 : Math.round(Math.max(...bad.map(({ endMs }) => endMs)) - startMs),
    gapMs: Math.round(Math.max(0, ...ends.slice(1).map((endMs, i) => endMs - (ends[i] ?? endMs)))),
    failed,
    wrong: bad.length - failed,
    answers: answers.length,
  };
}
