import { someSet } from "@locum/injector/some-set";
import type { Pair } from "./certificate-pair.ts";
import type { Cluster } from "./start-kubernetes.ts";

const group = "cert-manager.io";

/**
 * The kinds of cert-manager, so that the API server takes them. Any field passes here: that ours are its fields is
 * asked of its published schema elsewhere.
 */
const kinds = [
  ["Certificate", "certificates"],
  ["Issuer", "issuers"],
].map(([kind, plural]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { kind, plural, singular: kind?.toLowerCase() },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
}));

const base64 = (text: string): string => Buffer.from(text).toString("base64");
type Listed = {
  items: { spec: { secretName: string; secretTemplate?: { labels?: object } } }[];
};

export type CertManager = {
  authorities: string;
  /** A new certificate of its authority, for 127.0.0.1. */
  pair(): Promise<Pair>;
  /** A Secret for each Certificate that is there, all of one authority; how many. */
  issue(namespace: string): Promise<number>;
  /**
   * As cainjector does it, under its own field manager, where the annotation asks for it. Each time it is another text
   * of the same authority, so that the API server opens new connections.
   */
  injectAuthority(configuration: string): Promise<void>;
};

/** What of cert-manager's work others see: kinds, Secrets and a caBundle. */
export async function actAsCertManager({ run }: Cluster): Promise<CertManager> {
  await run(
    "kubectl",
    ["apply", "-f", "-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: kinds }),
  );
  await run("kubectl", [
    "wait",
    "--for=condition=Established",
    "crd",
    ...kinds.map(({ metadata }) => metadata.name),
  ]);
  const set = await someSet();
  let times = 0;
  return {
    authorities: set.authorities,
    pair: () => someSet({ over: set }),
    async issue(namespace) {
      const text = await run("kubectl", ["get", `certificates.${group}`, "-n", namespace, "-o", "json"]);
      const { items } = JSON.parse(text) as Listed;
      for (const { spec } of items) {
        const { cert, key } = await someSet({ over: set });
        const data = { "ca.crt": base64(set.authorities), "tls.crt": base64(cert), "tls.key": base64(key) };
        await run(
          "kubectl",
          ["apply", "-f", "-"],
          JSON.stringify({
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name: spec.secretName, namespace, ...spec.secretTemplate },
            type: "kubernetes.io/tls",
            data,
          }),
        );
      }
      return items.length;
    },
    async injectAuthority(configuration) {
      const text = await run("kubectl", ["get", "mutatingwebhookconfiguration", configuration, "-o", "json"]);
      const { metadata, webhooks } = JSON.parse(text) as {
        metadata: { annotations?: Record<string, string> };
        webhooks: { name: string }[];
      };
      if (!metadata.annotations?.[`${group}/inject-ca-from`]) return;
      const value = base64(set.authorities + "\n".repeat(times++));
      const patch = webhooks.map((_, at) => ({
        op: "add",
        path: `/webhooks/${at}/clientConfig/caBundle`,
        value,
      }));
      await run("kubectl", [
        ...["patch", "mutatingwebhookconfiguration", configuration, "--type=json"],
        ...["--field-manager=cert-manager-cainjector", "-p", JSON.stringify(patch)],
      ]);
    },
  };
}
