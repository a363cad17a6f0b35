import { Fault } from "@locum/contracts";
import { chartValues, manifestsYaml, renderInstall } from "@locum/injection";
import { clusterFlags, connectCluster } from "../cluster-access.ts";
import { defineCommand } from "../command.ts";
import { installCluster } from "../install/install-cluster.ts";
import { planChanges } from "../install/plan-changes.ts";
import { readInstallValues, valuesFlags, withKubelets } from "../install/read-install-values.ts";
import { showChanges } from "../install/show-changes.ts";
import { wholeNumber } from "../whole-number.ts";

export const install = defineCommand({
  usage: "install",
  about:
    "Puts Locum into a Kubernetes cluster from one values file: applies, waits until its parts are ready, and says how it stands. Run again it changes only what is different.",
  examples: [
    ["locum install", "into the cluster of KUBECONFIG, with every default"],
    ["locum install --values locum.yaml --dry-run", "what would be created or changed"],
    ["locum install --admission policy", "no injector: the API server itself injects"],
    ["locum install --values locum.yaml -o yaml", "the objects, for kubectl or a repository"],
    ["locum install --values locum.yaml -o helm", "the values file of deploy/helm/locum"],
  ],
  flags: {
    ...valuesFlags,
    ...clusterFlags,
    output: { kind: "text", short: "o", about: "yaml or helm: printed, and no cluster is asked" },
    "dry-run": { kind: "switch", about: "asks the API server what would change, and changes nothing" },
    wait: { kind: "text", fallback: "180", about: "seconds until the parts have to be ready" },
  },
  async run({ flags, io, out }) {
    const given = await readInstallValues(flags, io);
    if (flags.output !== undefined) {
      const text = { yaml: () => manifestsYaml(renderInstall(given)), helm: () => chartValues(given) };
      const make = Object.hasOwn(text, flags.output) ? text[flags.output as keyof typeof text] : null;
      if (!make) throw new Fault("usage", `--output: expected yaml or helm, found ${flags.output}`);
      io.stdout.write(make());
      return 0;
    }
    const kubernetes = await connectCluster(flags, io);
    try {
      const values = await withKubelets(given, kubernetes);
      if (flags["dry-run"]) showChanges(out, await planChanges(kubernetes, renderInstall(values)));
      else
        await installCluster(kubernetes, values, {
          out,
          seconds: wholeNumber("wait", flags.wait, { min: 1, max: 3600 }),
          signal: io.signal,
        });
      return 0;
    } finally {
      kubernetes.close();
    }
  },
});
