import { setTimeout } from "node:timers/promises";
import { Fault, faultTable } from "@locum/contracts";
import { accessCollector } from "../collector-access.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { spanText } from "../span-text.ts";
import { visible } from "../table.ts";
import { bytesText } from "./bytes-text.ts";

type Asked = Parameters<typeof accessCollector>[0] & { service: string };
const lookMs = 500;

/**
 * Asks the collector for a drill and waits for its end, however long it takes: it goes on if this is interrupted.
 * @throws Fault refused: there is nothing to drill, or the storage is away; and what a failed drill says
 */
export async function drillService(
  { service, ...given }: Asked,
  { io, out }: { io: Pick<Io, "signal">; out: Output },
): Promise<number> {
  const { client } = await accessCollector(given);
  let view = await client.drillSnapshot(service);
  const before = view.drill?.atMs;
  while (view.drilling && !io.signal.aborted) {
    if (view.problem) throw new Fault("refused", `the repository is away: ${view.problem.detail}`);
    out.progress("the collector restores the newest snapshot to nowhere");
    await setTimeout(lookMs, undefined, { signal: io.signal }).catch(() => {});
    ({ repository: view } = await client.storedSnapshots(service, { limit: 1 }));
  }
  const { drill } = view;
  if (!drill || drill.atMs === before)
    throw new Fault("refused", `nothing was drilled: ${view.reason || "the collector's log says why"}`);
  out.summary({ ...view });
  const text = `${drill.snapshot}: ${drill.files} files, ${bytesText(drill.bytes)}, plan ${spanText(drill.planMs)}, fetch ${spanText(drill.fetchMs)}, decode ${spanText(drill.decodeMs)}`;
  out.say(`${drill.outcome}  ${visible(drill.outcome === "passed" ? text : drill.detail)}`);
  if (drill.outcome === "passed") return 0;
  return Object.hasOwn(faultTable, drill.code) ? faultTable[drill.code as keyof typeof faultTable].exit : 1;
}
