import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openAuditLog } from "@locum/audit";
import { documentOf } from "@locum/audit/elasticsearch";
import { programOnPath } from "@locum/runtime";
import { benchEvent } from "./bench-event.ts";
import { faults } from "./faults.ts";
import { runRsyslog } from "./rsyslog.ts";
import { benchShip } from "./ship.ts";
import { startChild } from "./start-child.ts";
import { type BenchDouble, logId, startBenchDouble } from "./start-double.ts";

export type PeerRow = { name: string } & Record<string, number | string>;

/**
 * The same documents under the same faults by the official client's bulk helper and by rsyslog with omelasticsearch,
 * beside the shipper over as many. The helper is not killed, for it remembers nothing; rsyslog is, like the shipper.
 */
export async function benchPeers({
  dir,
  count,
  killMs,
}: {
  dir: string;
  count: number;
  killMs: number;
}): Promise<PeerRow[]> {
  const folder = join(dir, "peers");
  await mkdir(folder);
  const file = join(folder, "documents");
  await writeDocuments(file, folder, count);
  const { seconds, lost, doubled, unaccounted, kills } = await benchShip({ dir: folder, count, killMs });
  const own = { name: "locum's shipper", seconds, kills, lost, doubled, unaccounted };
  const helper = await withDouble(count, async (double) => {
    const child = startChild("helper-child.ts", file, double.url);
    const said = (await child.line()) ?? {};
    await child.ended;
    const told = Number(said.successful ?? 0) + Number(said.dropped ?? 0);
    return {
      kills: 0,
      unaccounted: Math.max(0, count - told),
      ...(said.error ? { ended: String(said.error) } : {}),
    };
  });
  const rows: PeerRow[] = [own, { name: "bulk helper 9.5, as documented", ...helper }];
  if (!(await programOnPath("rsyslogd")))
    return [
      ...rows,
      { name: "rsyslog", skipped: "rsyslogd is not here: apt-get install rsyslog rsyslog-elasticsearch" },
    ];
  const rsyslog = await withDouble(count, (double) => runRsyslog({ folder, file, double, count, killMs }));
  return [...rows, { name: "rsyslog, omelasticsearch", ...rsyslog }];
}

async function withDouble(
  count: number,
  work: (double: BenchDouble) => Promise<Record<string, number | string>>,
): Promise<Record<string, number | string>> {
  const double = await startBenchDouble();
  const startedMs = performance.now();
  try {
    await double.order("/script", JSON.stringify(faults));
    const told = await work(double);
    const { lost, doubled, strange, found } = await double.account(count - 1);
    return {
      seconds: (performance.now() - startedMs) / 1000,
      lost: Math.max(lost.length, count - found),
      doubled: doubled.length + strange.length,
      ...told,
    };
  } finally {
    await double.close();
  }
}

/** A line each: id, blank, document. */
async function writeDocuments(file: string, folder: string, count: number): Promise<void> {
  const log = await openAuditLog({ dir: join(folder, "log") });
  for (let first = 0; first < count; first += 500)
    await log.append(
      Array.from({ length: Math.min(500, count - first) }, (_, at) => benchEvent(first + at, count)),
    );
  const out = createWriteStream(file);
  for await (const line of log.lines(0)) {
    const { id, text } = documentOf(line, { logId });
    if (!out.write(`${id} ${text}\n`)) await new Promise((resolve) => out.once("drain", resolve));
  }
  await new Promise<void>((resolve) => out.end(resolve));
  await log.close();
  await writeFile(join(folder, "count"), String(count));
}
