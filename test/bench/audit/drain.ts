import { join } from "node:path";
import { openAuditLog } from "@locum/audit";
import { openElasticsearch } from "@locum/audit/elasticsearch";
import { openShipper } from "@locum/audit/ship";
import { systemClock, systemRandom } from "@locum/runtime";
import { quantile } from "../quantile.ts";
import { benchEvent } from "./bench-event.ts";
import { startChild } from "./start-child.ts";
import { logId } from "./start-double.ts";
import { timed } from "./timed.ts";

const rounds = 3;

/** A backlog, to a server in a process of its own that takes everything at once. Median of three. */
export async function benchDrain({
  dir,
  count,
}: {
  dir: string;
  count: number;
}): Promise<{ events: number; perSecond: number }> {
  const stub = startChild("stub.ts");
  const { url } = (await stub.line()) as { url: string };
  const log = await openAuditLog({ dir: join(dir, "drained") });
  for (let first = 0; first < count; first += 500)
    await log.append(
      Array.from({ length: Math.min(500, count - first) }, (_, at) => benchEvent(first + at, count)),
    );
  const server = openElasticsearch({ url });
  const paces: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const shipper = await openShipper({
      dir: join(dir, `drain-${round}`),
      logId,
      lines: log.lines,
      head: log.head,
      server,
      namespace: "default",
      clock: systemClock,
      random: systemRandom,
      say: () => undefined,
      note: async () => undefined,
    });
    const ms = await timed(async () => {
      if (!(await shipper.drain({ timeoutMs: 600_000 }))) throw new Error("the backlog was not drained");
    });
    await shipper.close();
    paces.push((count / ms) * 1000);
  }
  await server.close();
  await log.close();
  stub.process.stdin?.end();
  await stub.ended;
  return { events: count, perSecond: quantile(paces, 0.5) };
}
