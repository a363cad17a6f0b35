import { renderInstall, sidecarConfig } from "@locum/injection";
import { clusterFlags, connectCluster } from "../cluster-access.ts";
import { defineCommand } from "../command.ts";
import { injectedGroups } from "../install/injected-pods.ts";
import { installCluster, showGroups } from "../install/install-cluster.ts";
import { planChanges } from "../install/plan-changes.ts";
import { readInstallValues, valuesFlags, withKubelets } from "../install/read-install-values.ts";
import { showChanges } from "../install/show-changes.ts";
import { wholeNumber } from "../whole-number.ts";

export const upgrade = defineCommand({
  usage: "upgrade",
  about:
    "Brings an installation to this version and these values. With --plan it only says which objects would change, which of Locum's own parts would roll, and which workloads keep their present sidecar until somebody restarts them: an upgrade restarts no model.",
  examples: [
    ["locum upgrade --values locum.yaml --plan", "look first"],
    ["locum upgrade --values locum.yaml", "then do it"],
  ],
  flags: {
    ...valuesFlags,
    ...clusterFlags,
    plan: { kind: "switch", about: "changes nothing" },
    wait: { kind: "text", fallback: "180", about: "seconds until the parts have to be ready" },
  },
  async run({ flags, io, out }) {
    const given = await readInstallValues(flags, io);
    const kubernetes = await connectCluster(flags, io);
    try {
      const values = await withKubelets(given, kubernetes);
      if (!flags.plan) {
        await installCluster(kubernetes, values, {
          out,
          seconds: wholeNumber("wait", flags.wait, { min: 1, max: 3600 }),
          signal: io.signal,
        });
        return 0;
      }
      const changes = await planChanges(kubernetes, renderInstall(values));
      const groups = await injectedGroups(kubernetes, sidecarConfig(values));
      const restarts = groups.filter(({ older, without }) => older + without > 0);
      if (restarts.length > 0) {
        out.say("To be restarted for the new sidecar, when it suits (kubectl rollout restart):");
        showGroups(out, restarts);
        out.say("");
      }
      showChanges(out, changes, { restarts });
      return 0;
    } finally {
      kubernetes.close();
    }
  },
});
