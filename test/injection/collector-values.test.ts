import { collectorConfig } from "@locum/collector/config";
import { isPromoted } from "@locum/collector/role-labels";
import { type InstallValues, installValues, renderInstall } from "@locum/injection";
import fc from "fast-check";
import { expect, test } from "vitest";

type Container = { env: { name: string; value: string }[] };
type Rule = { resources: string[]; verbs: string[] };

/** The collector's configuration as its process reads it from the manifest. */
function configOf(values: InstallValues) {
  const set = renderInstall(values).find(({ kind }) => kind === "StatefulSet");
  const spec = set?.spec as { template: { spec: { containers: Container[] } } } | undefined;
  const env = spec?.template.spec.containers[0]?.env ?? [];
  const text = env.find(({ name }) => name === "LOCUM_COLLECTOR")?.value;
  // The kubelet makes one dollar sign of two.
  return collectorConfig([], {}, text?.replaceAll("$$", "$"));
}

/** Where the collector's account may do it; `*` for the whole cluster. */
const placesOf = (values: InstallValues, resource: string, verb: string): string[] =>
  renderInstall(values)
    .filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind) && metadata.name === "locum-collector")
    .filter(({ rules }) =>
      (rules as Rule[]).some((one) => one.resources.includes(resource) && one.verbs.includes(verb)),
    )
    .map(({ metadata }) => metadata.namespace ?? "*")
    .toSorted();

const names = ["models", "batch", "icu", "lab"];
const someCollector = fc.record({
  namespaces: fc.uniqueArray(fc.record({ name: fc.constantFrom(...names), promotion: fc.boolean() }), {
    selector: ({ name }) => name,
  }),
  promotion: fc.boolean(),
  deletionCost: fc.boolean(),
  heal: fc.constantFrom("off" as const, "evict" as const),
});

test("property: the collector reads what was asked, and its rights are what it will do", () => {
  fc.assert(
    fc.property(someCollector, (collector) => {
      const values = installValues({ collector });
      const { kubernetes, listen, tls } = configOf(values);
      const { namespaces, promotion, deletionCost, heal } = collector;
      const named = namespaces.map(({ name }) => name);
      expect(kubernetes).toMatchObject({ namespaces: named, deletionCost, heal });
      expect(listen).toBe("0.0.0.0:8470");
      expect(tls).not.toBeNull();
      for (const name of names) {
        const asked =
          named.length === 0 ? promotion : namespaces.some((one) => one.name === name && one.promotion);
        if (named.length > 0 && !named.includes(name)) continue;
        expect(isPromoted(kubernetes ?? { promotion: false }, name), name).toBe(asked);
      }
      const everywhere = named.length === 0 ? ["*"] : named.toSorted();
      const promoted =
        named.length === 0
          ? promotion
            ? ["*"]
            : []
          : namespaces
              .filter((one) => one.promotion)
              .map(({ name }) => name)
              .toSorted();
      expect(placesOf(values, "pods", "patch")).toEqual(deletionCost ? everywhere : promoted);
      expect(placesOf(values, "pods", "watch")).toEqual(everywhere);
      expect(placesOf(values, "pods/eviction", "create")).toEqual(heal === "evict" ? everywhere : []);
    }),
  );
});

test("approvers and audience reach the collector and the sidecars alike", () => {
  const approvers = [{ keyId: "0123456789abcdef", publicKey: `${"A".repeat(43)}=` }];
  const values = installValues({
    inject: { approvers, collector: { url: "https://dr.example:8470", audience: "mine$(X)" } },
  });
  expect(configOf(values).kubernetes).toMatchObject({ approvers, audience: "mine$(X)" });
});
