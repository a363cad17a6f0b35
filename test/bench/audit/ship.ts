import type { ShippingView } from "@locum/contracts";
import { faults } from "./faults.ts";
import { type Child, startChild } from "./start-child.ts";
import { type BenchDouble, startBenchDouble } from "./start-double.ts";

export type Shipped = {
  events: number;
  seconds: number;
  kills: number;
  requests: number;
  sentAgain: number;
  lost: number;
  doubled: number;
  unaccounted: number;
};

const outageMs = 60_000;

/**
 * Appends and ships `count` events while the process is killed every `killMs`, under the bench's faults, with a minute in
 * which nobody answers; then holds what the server has against the log.
 */
export async function benchShip({
  dir,
  count,
  killMs,
}: {
  dir: string;
  count: number;
  killMs: number;
}): Promise<Shipped> {
  const double = await startBenchDouble();
  const startedMs = performance.now();
  try {
    await double.order("/script", JSON.stringify(faults));
    const args = [`${dir}/shipped`, double.url, String(count)];
    let [kills, isOver] = [0, false];
    while (!isOver) {
      const child = startChild("ship-child.ts", ...args);
      isOver = await endsWithin(child, killMs);
      if (!isOver) kills += 1;
      // Once, in the second life: nothing answers for a minute.
      if (kills === 1 && !isOver)
        await double.order("/script", JSON.stringify([{ does: [{ do: "outage", ms: outageMs }] }]));
      if (kills % 4 === 0) await double.order("/rollover");
    }
    const view = await finish(double, args);
    const { lost, doubled, strange } = await double.account(view.head);
    const { bulk } = await double.order<{ bulk: number }>("/requests");
    return {
      events: view.appended,
      seconds: (performance.now() - startedMs) / 1000,
      kills,
      requests: bulk,
      sentAgain: view.retries,
      lost: lost.length,
      doubled: doubled.length + strange.length,
      unaccounted: view.pending + view.quarantined + view.rejected,
    };
  } finally {
    await double.close();
  }
}

/** False where it had to be killed. */
async function endsWithin(child: Child, killMs: number): Promise<boolean> {
  const timer = setTimeout(() => child.process.kill("SIGKILL"), killMs);
  const line = await child.line();
  clearTimeout(timer);
  await child.ended;
  return line !== undefined;
}

/** With the faults over, what was refused is sent again as it is. */
async function finish(double: BenchDouble, args: string[]): Promise<ShippingView> {
  await double.order("/calm");
  const child = startChild("ship-child.ts", ...args, "finish");
  const view = (await child.line()) as ShippingView | undefined;
  await child.ended;
  if (!view) throw new Error("the last run of the shipper did not end well");
  return view;
}
