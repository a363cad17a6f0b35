import { existsSync } from "node:fs";
import type { Client } from "@locum/contracts";
import { checkCluster } from "../check/check-cluster.ts";
import { checkServiceFile } from "../check/check-service-file.ts";
import { accessCluster, clusterFlags, noCluster } from "../cluster-access.ts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { readSpan } from "../read-span.ts";

export const check = defineCommand({
  usage: "check [--config FILE | --kubeconfig FILE]",
  about:
    "On a machine: every problem of a service file with its line, what was expected and what was found; then whether its folders, keys and releases are in order (exit 64 with any problem). On a cluster: everything that injection, failover and restores stand on, with what was found and what mends it (exit 2 where something is wrong). A cluster is asked where a flag names it, or where this folder has no service file.",
  examples: [
    ["locum check", "locum.yaml of this folder, else the cluster of KUBECONFIG"],
    ["locum check --config digits.yaml --online", "asks the model servers too"],
    ["locum check --kubeconfig prod.yaml --pre", "before locum install: may it, and can it work"],
    ["locum check --kubeconfig prod.yaml --namespace models --wait 5m", "until all is in order"],
  ],
  flags: {
    ...collectorFlags,
    ...clusterFlags,
    namespace: { kind: "text", short: "n", about: "pods of this one only" },
    pre: { kind: "switch", about: "what has to hold before anything is installed" },
    wait: { kind: "text", about: "ask again for so long while something is wrong: 90s, 5m" },
    online: { kind: "switch", about: "ask each model server of the service file too" },
  },
  async run({ flags, io, out }) {
    const named = flags.kubeconfig !== undefined || flags.context !== undefined || flags.pre;
    if (!named && existsSync(flags.config)) return checkServiceFile(flags, { io, out });
    const access = await accessCluster(flags, io);
    if (!access) {
      if (!named) return checkServiceFile(flags, { io, out });
      throw noCluster();
    }
    const waitMs = flags.wait === undefined ? 0 : readSpan(flags.wait, "--wait");
    const collector = await collectorFor(flags);
    const { pre, namespace } = flags;
    return checkCluster({ access, collector, pre, namespace, waitMs }, { io, out });
  },
});

/** A collector is asked where one is named: in a cluster it is rarely within reach of everybody. */
async function collectorFor(flags: {
  config: string;
  collector: string | undefined;
  "token-file": string | undefined;
}): Promise<Client | null> {
  if (flags.collector === undefined && !existsSync(flags.config)) return null;
  return (await accessCollector(flags)).client;
}
