import type { ServiceConfig } from "@locum/contracts";
import { planOf } from "@locum/coordination";
import type { RunningService } from "../fleet.ts";
import type { ClusterHost } from "./cluster.ts";

/** Brings the running services to what was found: new ones are opened, instances come and go, nothing is ever closed. */
export async function keepServices(
  host: ClusterHost,
  found: readonly ServiceConfig[],
  reserved: ReadonlySet<string>,
): Promise<void> {
  const present = new Set(found.map(({ service }) => service));
  for (const config of found) {
    const running = host.running(config.service);
    // One that cannot be opened (its folder cannot be made, say) is tried again, and keeps no other one waiting.
    if (!running)
      await host
        .open(config)
        .catch((error: unknown) =>
          host.say("error", "a service of the cluster was not opened", { service: config.service, error }),
        );
    else if (differs(running, config)) host.change(config);
  }
  for (const { config } of host.all())
    if (!present.has(config.service) && !reserved.has(config.service) && config.instances.length > 0)
      host.change({ ...config, instances: [] });
}

/** An exclusive active that is gone stays in the plan until it is replaced: then the plan is told once more. */
const differs = ({ driver }: RunningService, config: ServiceConfig): boolean =>
  JSON.stringify(driver.state().plan.instances) !== JSON.stringify(planOf(config).instances);
