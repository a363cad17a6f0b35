// Appends and ships as a collector does, until it is killed or has nothing left to do: node ship-child.ts DIR URL COUNT
// [finish]. Prints how the copy stands when all is accounted for.
import { join } from "node:path";
import { openAuditLog } from "@locum/audit";
import { openElasticsearch } from "@locum/audit/elasticsearch";
import { openShipper, type ShipNote } from "@locum/audit/ship";
import { systemClock, systemRandom } from "@locum/runtime";
import { benchEvent } from "./bench-event.ts";
import { logId } from "./start-double.ts";

const [dir = "", url = "", countText = "", finish] = process.argv.slice(2);
const count = Number(countText);
// Waiting alone keeps no process alive.
setInterval(() => undefined, 1000);
const server = openElasticsearch({ url, timeoutMs: 10_000 });
const log = await openAuditLog({ dir: join(dir, "log") });
const shipper = await openShipper({
  dir: join(dir, "ship"),
  logId,
  lines: log.lines,
  head: log.head,
  server,
  reader: server,
  namespace: "default",
  clock: systemClock,
  random: systemRandom,
  say: () => undefined,
  note: ({ kind, reason, facts }: ShipNote) =>
    log.append([{ ...benchEvent(0, count), kind, reason, facts, service: "locum", instance: null }]),
  reconcileMs: 15_000,
});
shipper.start();
while (log.head().seq + 1 < count) {
  const first = log.head().seq + 1;
  const size = Math.min(500, count - first);
  await log.append(Array.from({ length: size }, (_, at) => benchEvent(first + at, count)));
}
while (!(await shipper.drain({ timeoutMs: 60_000 })));
if (finish) {
  while ((await shipper.replay()).left > 0);
  while (!(await shipper.drain({ timeoutMs: 60_000 })));
}
const view = shipper.view();
await shipper.close();
await log.close();
await server.close();
process.stdout.write(`${JSON.stringify(view)}\n`);
process.exit(0);
