import { exitCodes } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { readPods } from "../read-pods.ts";
import { readRepositories } from "../read-repositories.ts";
import { showStatus } from "../status-view.ts";

export const status = defineCommand({
  usage: "status",
  about:
    "Services and instances, on machines and in Kubernetes: who serves, who is fit to stand in, what is wrong, and which pods have no sidecar. Exit 2 where a service is not healthy.",
  examples: [
    ["locum status", "of the service file in this folder"],
    [
      "locum status --collector https://locum:7443 --token-file viewer.json",
      "of all services of a collector",
    ],
  ],
  flags: { ...collectorFlags, service: { kind: "text", about: "only this one" } },
  async run({ flags, io, out }) {
    const { client } = await accessCollector(flags);
    const { service } = flags;
    const [all, instances, pods, repositories] = await Promise.all([
      client.services(),
      client.instances(service === undefined ? {} : { service }),
      readPods(client, service),
      readRepositories(client, service),
    ]);
    const services = all.filter((one) => service === undefined || one.service === service);
    showStatus(out, { services, instances, pods, repositories, nowMs: io.clock.wallMs() });
    out.summary({ services, instances, kubernetes: pods.kubernetes, pods: pods.pods, repositories });
    return services.every(({ state }) => state === "healthy") ? exitCodes.ok : exitCodes.degraded;
  },
});
