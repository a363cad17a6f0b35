import { clusterFlags, connectCluster } from "../cluster-access.ts";
import { defineCommand } from "../command.ts";
import { uninstallCluster } from "../install/uninstall-cluster.ts";

export const uninstall = defineCommand({
  usage: "uninstall",
  about:
    "Takes out of a cluster what locum install put in, and nothing else. Pods that have a sidecar keep it and go on working until they are replaced. The collector's volume, with its audit log, stays unless --purge is given.",
  examples: [
    ["locum uninstall", "the audit log stays"],
    ["locum uninstall --purge", "the audit log goes, too"],
  ],
  flags: {
    ...clusterFlags,
    purge: { kind: "switch", about: "removes the collector's volumes and the namespace as well" },
  },
  async run({ flags, io, out }) {
    const kubernetes = await connectCluster(flags, io);
    try {
      const { removed, kept, pods } = await uninstallCluster(kubernetes, {
        purge: flags.purge,
        signal: io.signal,
      });
      for (const name of removed) out.progress(`removed ${name}`);
      for (const { name, why } of kept) out.progress(`kept ${name}: ${why}`);
      out.say(removed.length === 0 ? "Locum is not installed here." : `${removed.length} objects removed.`);
      if (pods > 0)
        out.say(
          `${pods} pod(s) keep their sidecar and work on; what replaces them comes without. locum uninject takes it out of manifests.`,
        );
      out.summary({ removed, kept, pods });
      return 0;
    } finally {
      kubernetes.close();
    }
  },
});
