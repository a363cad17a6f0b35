import type { ServiceConfig } from "@locum/contracts";
import { decide } from "@locum/coordination";
import type { StreamHub } from "./adapters/stream-hub.ts";
import type { CollectorDeps } from "./collector.ts";
import type { Foundation } from "./foundation.ts";
import { openServiceLoop, type ServiceLoop } from "./service-loop.ts";

type Around = {
  base: Foundation;
  deps: CollectorDeps;
  dataDir: string;
  loops: Map<string, ServiceLoop>;
  hub: Pick<StreamHub, "send" | "sendAll">;
  onDecided: (service: string) => void;
};

/** One more service: its releases, its stored state, its loop. From then on its sidecars are known. */
export async function openService(
  service: ServiceConfig,
  { base, deps, dataDir, loops, hub, onDecided }: Around,
): Promise<ServiceLoop> {
  await base.note({ kind: "collector.start", service: service.service, reason: "started" });
  await base.shelf.adopt(service);
  for (const value of await deps.readReleases(service.releases))
    await base.shelf
      .put(value)
      .catch((error: unknown) =>
        deps.say("warn", "a release was not taken", { path: service.releases, error }),
      );
  const loop = await openServiceLoop({
    ...base,
    ...deps,
    decide: deps.decide ?? decide,
    config: service,
    dataDir,
    hub: () => hub,
    fleetSilence: () => silenceOf(loops),
    sign: base.signer.sign,
    onDecided,
  });
  loops.set(service.service, loop);
  return loop;
}

function silenceOf(loops: ReadonlyMap<string, ServiceLoop>): { silent: number; size: number } {
  const members = [...loops.values()].flatMap(({ driver }) => Object.values(driver.state().members));
  const known = members.filter(({ heardAtMs }) => heardAtMs !== null);
  return { silent: known.filter(({ silent }) => silent).length, size: known.length };
}
