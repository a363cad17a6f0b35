import { keyTable, label } from "../keys.ts";
import { webhookNames } from "../webhook-names.ts";
import { collectorName, collectorPort } from "./collector-manifests.ts";
import { type Component, type Manifest, manifest, selectorLabels } from "./manifest.ts";
import type { InstallValues } from "./values.ts";

type Peer = { ports: object[]; from?: object[]; to?: object[] };

/**
 * Our own pods talk to whom they must. Of other people's pods only the control port is closed: a NetworkPolicy knows
 * pods, not containers, so whatever else it would forbid it would forbid the model as well.
 */
export function networkPolicies(values: InstallValues): Manifest[] {
  const { namespace, admission, collector, elasticsearch } = values;
  if (!values.networkPolicy) return [];
  return [
    ...(admission === "webhook"
      ? [
          own("injector", namespace, {
            // The API server has no address that a policy could name; it comes from anywhere, by TLS.
            ingress: [{ ports: [tcp(webhookNames.port), tcp(webhookNames.probesPort)] }],
            egress: [dns, apiServer],
          }),
        ]
      : []),
    ...(collector.enabled
      ? [
          own("collector", namespace, {
            ingress: [{ from: [{ namespaceSelector: {} }], ports: [tcp(collectorPort)] }],
            egress: [
              dns,
              apiServer,
              { to: [{ namespaceSelector: {} }], ports: [tcp(keyTable["control-port"].fallback)] },
              ...(elasticsearch ? [{ ports: [tcp(portOf(elasticsearch.url))] }] : []),
            ],
          }),
          ...collector.namespaces.map(({ name }) => controlPort(name, namespace)),
        ]
      : []),
  ];
}

const tcp = (port: number): object => ({ protocol: "TCP", port });
const dns: Peer = {
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
    },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};
/** Behind its Service it listens on 443 or 6443, on addresses that only the cluster knows. */
const apiServer: Peer = { ports: [tcp(443), tcp(6443)] };

const portOf = (text: string): number => {
  const { port, protocol } = new URL(text);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
};

function own(component: Component, namespace: string, rules: { ingress: Peer[]; egress: Peer[] }): Manifest {
  const name = component === "injector" ? webhookNames.service : collectorName;
  return manifest(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { name, namespace, component },
    {
      spec: {
        podSelector: { matchLabels: selectorLabels(component) },
        policyTypes: ["Ingress", "Egress"],
        ...rules,
      },
    },
  );
}

/** Every port but one stays as open as it was; that one is the collector's and the node's (which no policy stops). */
function controlPort(namespace: string, home: string): Manifest {
  const port = keyTable["control-port"].fallback;
  const range = (protocol: string, first: number, last: number) => ({ protocol, port: first, endPort: last });
  return manifest(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { name: "locum-control-port", namespace, component: "collector" },
    {
      spec: {
        podSelector: { matchLabels: { [label]: "enabled" } },
        policyTypes: ["Ingress"],
        ingress: [
          {
            ports: [
              range("TCP", 1, port - 1),
              range("TCP", port + 1, 65_535),
              range("UDP", 1, 65_535),
              range("SCTP", 1, 65_535),
            ],
          },
          {
            from: [
              {
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": home } },
                podSelector: { matchLabels: selectorLabels("collector") },
              },
            ],
            ports: [tcp(port)],
          },
        ],
      },
    },
  );
}
