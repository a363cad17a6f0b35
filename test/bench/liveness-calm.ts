import { type PeerName, peerMissing, peerNames } from "../servers/peer.ts";
import { type PeerService, startPeerService } from "../servers/peer-service.ts";
import { type PeerTraffic, referencesOf, sendPeerTraffic } from "../servers/peer-traffic.ts";
import { passed } from "../stack/until.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { table } from "./table.ts";
import { startWatch } from "./watch-isolations.ts";

type CalmRow = {
  server: PeerName;
  minutes: number;
  answers: number;
  bad: number;
  /** Verdicts, diverts, repairs: whatever was done to a server that nothing was wrong with. */
  isolations: number;
};

const everyMs = 1000 / 20;

/** Nothing is broken: from the cold start on, whoever is isolated is isolated wrongly. */
export async function calm({
  print,
  emit,
  only,
  minutes,
}: Pick<BenchTools, "print" | "emit"> & { only: readonly string[]; minutes: number }): Promise<BenchSummary> {
  const rows: CalmRow[] = [];
  for (const name of peerNames.filter((one) => only.length === 0 || only.includes(one))) {
    const missing = peerMissing(name);
    if (missing) {
      print(`${name}: skipped, ${missing}`);
      continue;
    }
    const service = await startPeerService(name);
    try {
      const row = await watch(service, name, minutes);
      rows.push(row);
      emit({ kind: "row", ...row });
      print(`${name}: ${row.isolations} isolations, ${row.bad} bad of ${row.answers} answers`);
    } finally {
      await service.close();
    }
  }
  print(
    `\n${table(
      ["server", "minutes", "answers", "bad", "isolated"],
      rows.map((row) => [row.server, row.minutes, row.answers, row.bad, row.isolations]),
    )}`,
  );
  return { rows, objectivesMet: rows.every(({ isolations, bad }) => isolations + bad === 0) };
}

async function watch(service: PeerService, server: PeerName, minutes: number): Promise<CalmRow> {
  const watching = await startWatch(service);
  const [peer] = Object.values(service.peers);
  let traffic: PeerTraffic | undefined;
  try {
    const { requests, service: url } = service;
    const references = await referencesOf(peer?.url ?? "", requests);
    traffic = sendPeerTraffic({ url, requests, references, everyMs });
    await passed(minutes * 60_000);
  } finally {
    await traffic?.stop();
  }
  const { events, sightings } = await watching.stop();
  const answers = traffic.answers();
  const bad = answers.filter(({ outcome }) => outcome !== "right").length;
  return { server, minutes, answers: answers.length, bad, isolations: events.length + sightings.length };
}
