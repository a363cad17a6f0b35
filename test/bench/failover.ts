import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDigits } from "../stack/digits-server.ts";
import { type Stack, startStack } from "../stack/start-stack.ts";
import type { Strike } from "../stack/strikes.ts";
import { startWitness } from "../stack/witness.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { type FailoverRow, failoverRows, losses, objectives } from "./failover-rows.ts";
import { type HaproxySetting, haproxySettings, haproxyVersion, startHaproxy } from "./haproxy.ts";
import { type Play, playHaproxy, playIdle, playLocum } from "./play-failover.ts";
import { table } from "./table.ts";

const faults: readonly Strike[] = ["crash", "hang", "corrupt", "nan", "older"];
/** The faults that a health check can see at all. */
const peerFaults: readonly Strike[] = ["crash", "hang"];
const idleFaults: readonly Strike[] = ["corrupt", "nan", "older"];

/** Locum and HAProxy in turn, run after run, each with model servers of its own on the same machine. */
export async function run(tools: BenchTools): Promise<BenchSummary> {
  const { runs = 3, rate = 200, only, idle = false } = tools.flags as Flags;
  const version = tools.flags["no-peer"] || idle ? null : haproxyVersion();
  const wanted = (list: readonly Strike[]) => list.filter((fault) => only === undefined || fault === only);
  const plays: Play[] = [];
  const closing: (() => Promise<unknown>)[] = [];
  const note = (play: Play) => {
    plays.push(play);
    tools.emit({ kind: "play", ...play });
    tools.print(
      `  ${play.way} ${play.fault}: ${play.failed} failed, ${play.wrong} wrong, restored ${play.restoredMs} ms`,
    );
  };
  try {
    tools.print("starting model servers, collector, sidecars and front");
    const stack = await startStack();
    closing.push(stack.close);
    const peer = version === null ? null : await openPeer(stack.references.current, rate);
    if (peer) closing.push(peer.close);
    if (peer) for (const config of peer.configs) tools.print(`\n${config}`);
    for (let run = 0; run < runs; run++) {
      if (idle) for (const fault of wanted(idleFaults)) note(await playIdle(stack, fault));
      else await underTraffic({ stack, rate, faults: wanted(faults), note });
      for (const fault of peer ? wanted(peerFaults) : [])
        for (const setting of Object.keys(haproxySettings) as HaproxySetting[])
          note(await (peer as Peer).play(setting, fault));
    }
  } finally {
    for (const close of closing.reverse()) await close();
  }
  const rows = failoverRows(plays);
  tools.print(`\n${printed(rows)}`);
  const lost = losses(rows);
  if (version) tools.print(`\nHAProxy ${version}; its configurations are above.`);
  for (const { fault, way, firstP50Ms, locumFirstP50Ms } of lost)
    tools.print(`Lost: ${fault}, ${way} ${firstP50Ms} ms against ${locumFirstP50Ms} ms.`);
  return {
    runs,
    ratePerSecond: idle ? 0 : rate,
    haproxy: version,
    objectives,
    rows,
    lost,
    objectivesMet: rows.every(({ missed }) => missed.length === 0),
  };
}

type Flags = { runs?: number; rate?: number; only?: Strike; idle?: boolean };

async function underTraffic({
  stack,
  rate,
  faults,
  note,
}: {
  stack: Stack;
  rate: number;
  faults: Strike[];
  note: (play: Play) => void;
}): Promise<void> {
  const witness = startWitness({
    url: stack.service,
    references: stack.references.current,
    perSecond: rate,
  });
  try {
    for (const fault of faults) note(await playLocum({ stack, witness, fault }));
  } finally {
    await witness.end();
  }
}

type Peer = {
  configs: string[];
  play(setting: HaproxySetting, fault: Strike): Promise<Play>;
  close(): Promise<void>;
};

async function openPeer(references: Float64Array[], rate: number): Promise<Peer> {
  const dir = await mkdtemp(join(tmpdir(), "locum-bench-"));
  const models = await Promise.all(["ha", "hb"].map((id) => startDigits({ id, dir })));
  const servers = models.map(({ url }) => url);
  const open = (setting: HaproxySetting) => startHaproxy({ setting, servers, dir });
  const proxies = { default: await open("default"), tuned: await open("tuned") };
  return {
    configs: Object.values(proxies).map(({ config }) => config),
    async play(setting, fault) {
      const { url } = proxies[setting];
      const witness = startWitness({ url, references, perSecond: rate });
      const [target] = models;
      if (!target) throw new Error("no model server");
      return playHaproxy({ way: `haproxy ${setting}`, witness, target, fault });
    },
    async close() {
      for (const { close } of [...Object.values(proxies), ...models]) await close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function printed(rows: FailoverRow[]): string {
  const head = [
    "fault",
    "way",
    "runs",
    "first p50",
    "first p99",
    "last bad p99",
    "worst gap",
    "failed",
    "wrong",
  ];
  return table(
    [...head, "detected p50", "restored p99", "objective"],
    rows.map((row) => [
      row.fault,
      row.way,
      row.runs,
      row.firstP50Ms,
      row.firstP99Ms,
      row.lastBadP99Ms,
      row.gapMaxMs,
      row.failed,
      row.wrong,
      row.detectedP50Ms,
      row.restoredP99Ms,
      row.objective === null ? "" : row.missed.length === 0 ? "met" : `missed: ${row.missed.join(", ")}`,
    ]),
  );
}
