import { exitCodes } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { showStatus } from "../status-view.ts";

export const status = defineCommand({
  usage: "status",
  about:
    "Services and instances: who serves, who is fit to stand in, what is wrong. Exit 2 where a service is not healthy.",
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
    const [all, instances] = await Promise.all([
      client.services(),
      client.instances(service === undefined ? {} : { service }),
    ]);
    const services = all.filter((one) => service === undefined || one.service === service);
    showStatus(out, { services, instances, nowMs: io.clock.wallMs() });
    out.summary({ services, instances });
    return services.every(({ state }) => state === "healthy") ? exitCodes.ok : exitCodes.degraded;
  },
});
