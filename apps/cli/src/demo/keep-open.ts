import { createClient } from "@locum/contracts";
import { consoleAddress } from "../console-address.ts";
import type { Output } from "../output.ts";
import type { Fleet } from "./demo-fleet.ts";
import { startWitness } from "./witness.ts";

/** A few requests, so that the pages have something to show; nobody counts them any more. */
const perSecond = 10;
const answersMax = 1000;

/** Leaves everything running to look around, until the signal. */
export async function keepOpen({
  fleet,
  out,
  signal,
}: {
  fleet: Fleet;
  out: Output;
  signal: AbortSignal;
}): Promise<void> {
  const client = createClient({ baseUrl: fleet.collectorUrl, token: fleet.adminToken });
  const { url, lasts } = await consoleAddress(client, fleet.collectorUrl);
  const { current, newer } = fleet.references;
  const traffic = startWitness({
    url: fleet.serviceUrl,
    images: fleet.images,
    references: current,
    perSecond,
    answersMax,
  });
  traffic.accept(newer);
  out.say(`  All of it still runs. The collector's own pages, opened once, within ${lasts}:\n`);
  out.say(`    ${url}\n`);
  out.say("  Ctrl-C ends everything.");
  out.event({ kind: "kept", url });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  traffic.stop();
}
