import { type Peer, type PeerName, peerMissing, peerNames } from "../servers/peer.ts";
import { type PeerFault, peerFaults } from "../servers/peer-faults.ts";
import { peerHealth } from "../servers/peer-health.ts";
import { type PeerService, startPeerService } from "../servers/peer-service.ts";
import { type PeerTraffic, referencesOf, sendPeerTraffic } from "../servers/peer-traffic.ts";
import { passed, until } from "../stack/until.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { calm } from "./liveness-calm.ts";
import { table } from "./table.ts";

export type LivenessRow = {
  server: PeerName;
  fault: string;
  traffic: boolean;
  /** What the server said of itself a tenth of a second after the fault, before anybody did anything about it. */
  itsOwn: string;
  locum: string;
  /** The kinds of evidence behind it. */
  rungs: string[];
  /** From the fault to the failed verdict. */
  seenMs: number | null;
  /** To the last answer that a client got wrong or not at all. */
  lastBadMs: number;
  failed: number;
  wrong: number;
  answers: number;
  /** To everything being proven right again; null where a person had to help. */
  rightMs: number | null;
};

const seenObjectiveMs = { traffic: 2_000, idle: 30_000 };
const everyMs = 25;
const healthAfterMs = 100;
const rightMsMax = 90_000;

/** What each real server says of itself when its model goes bad, what Locum says, and after how long. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const only = typeof flags.only === "string" ? flags.only.split(",") : [];
  const fault = typeof flags.fault === "string" ? flags.fault : "";
  const idle = flags.idle === true;
  if (typeof flags.calm === "number") return calm({ print, emit, only, minutes: flags.calm });
  const rows: LivenessRow[] = [];
  const skipped: Record<string, string> = {};
  for (const name of peerNames.filter((one) => only.length === 0 || only.includes(one))) {
    const missing = peerMissing(name);
    if (missing) {
      skipped[name] = missing;
      print(`${name}: skipped, ${missing}`);
      continue;
    }
    const service = await startPeerService(name);
    try {
      for (const [title, one] of Object.entries(peerFaults)) {
        if (!one.on.includes(name) || !title.includes(fault)) continue;
        const row = await play({ service, name, title, fault: one, idle });
        rows.push(row);
        emit({ kind: "row", ...row });
        print(lineOf(row));
      }
    } finally {
      await service.close();
    }
  }
  print(`\n${render(rows)}`);
  const objectiveMs = idle ? seenObjectiveMs.idle : seenObjectiveMs.traffic;
  const late = rows.filter(({ seenMs }) => seenMs === null || seenMs > objectiveMs);
  return { rows, skipped, objectiveMs, late: late.map(lineOf), objectivesMet: late.length === 0 };
}

type Playing = { service: PeerService; name: PeerName; title: string; fault: PeerFault; idle: boolean };

async function play({ service, name, title, fault, idle }: Playing): Promise<LivenessRow> {
  const reports = await service.settled({ withinMs: rightMsMax });
  const id = Object.keys(reports).find((one) => reports[one]?.role === "active") ?? "";
  const peer = service.peers[id];
  if (!peer) throw new Error(`no server ${id}`);
  const traffic = idle ? undefined : await startTraffic(service, peer);
  try {
    await passed(1_000 + Math.random() * 1_000);
    await fault.strike(peer);
    // A load that takes seconds is no fault before it has ended.
    const startMs = performance.now();
    const health = passed(healthAfterMs).then(() => peerHealth(peer));
    const verdict = await seen(service, id, startMs);
    const itsOwn = (await health).join(", ");
    const rightMs = await rightAgain(service, peer, startMs);
    await passed(500);
    await traffic?.stop();
    const answers = (traffic?.answers() ?? []).filter(({ endMs }) => endMs >= startMs);
    const bad = answers.filter(({ outcome }) => outcome !== "right");
    const failed = bad.filter(({ outcome }) => outcome === "failed").length;
    return {
      server: name,
      fault: title,
      traffic: !idle,
      itsOwn,
      locum: verdict?.failure ?? "nothing",
      rungs: verdict?.rungs ?? [],
      seenMs: verdict ? Math.round(verdict.afterMs) : null,
      lastBadMs: Math.round(Math.max(0, ...bad.map(({ endMs }) => endMs - startMs))),
      failed,
      wrong: bad.length - failed,
      answers: answers.length,
      rightMs: rightMs === null ? null : Math.round(rightMs),
    };
  } finally {
    await traffic?.stop();
  }
}

async function startTraffic(service: PeerService, peer: Peer): Promise<PeerTraffic> {
  const { requests, service: url } = service;
  const references = await referencesOf(peer.url, requests);
  return sendPeerTraffic({ url, requests, references, everyMs: 1000 / 20 });
}

/** The failed verdict, from the sidecar's own report. */
async function seen(
  service: PeerService,
  id: string,
  startMs: number,
): Promise<{ failure: string; rungs: string[]; afterMs: number } | undefined> {
  const look = async () => {
    const verdict = (await service.report(id))?.verdict;
    if (verdict?.kind !== "failed") return false;
    const rungs = [...new Set(verdict.evidence.map(({ rung }) => rung))];
    return { failure: verdict.failure, rungs, afterMs: performance.now() - startMs };
  };
  return until(look, { what: "a failed verdict", withinMs: 45_000, everyMs }).catch(() => undefined);
}

/** By Locum alone, or else, after a time, as a person would: the good file, and a restart. */
async function rightAgain(service: PeerService, peer: Peer, startMs: number): Promise<number | null> {
  const alone = await service.settled({ withinMs: rightMsMax }).then(
    () => true,
    () => false,
  );
  if (alone) return performance.now() - startMs;
  await peer.swap("good");
  await peer.restart();
  await service.settled({ withinMs: rightMsMax });
  return null;
}

const seconds = (ms: number | null): string => (ms === null ? "never" : `${(ms / 1000).toFixed(2)} s`);

const lineOf = (row: LivenessRow): string =>
  `${row.server}, ${row.fault}: it said ${row.itsOwn}; Locum said ${row.locum} (${row.rungs.join(", ")}) after ${seconds(row.seenMs)}`;

function render(rows: readonly LivenessRow[]): string {
  return table(
    ["server", "fault", "it said of itself", "Locum said", "after", "last bad answer", "right again"],
    rows.map((row) => [
      row.server,
      row.fault,
      row.itsOwn,
      row.locum,
      seconds(row.seenMs),
      row.traffic ? `${seconds(row.lastBadMs)} (${row.failed + row.wrong} of ${row.answers})` : "no traffic",
      row.rightMs === null ? "by hand" : seconds(row.rightMs),
    ]),
  );
}
