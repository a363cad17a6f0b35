import { ServiceConfig, splitAddress } from "@locum/contracts";
import { keyTable, label } from "../keys.ts";
import { webhookNames } from "../webhook-names.ts";
import { collectorName, collectorPort } from "./collector-manifests.ts";
import { type Component, type Manifest, manifest, selectorLabels } from "./manifest.ts";
import type { InstallValues } from "./values.ts";

type Rule = { ports: object[]; from?: object[]; to?: object[] };

/**
 * Our own pods talk to whom they must. Of other people's pods only the control port is closed: a NetworkPolicy knows
 * pods, not containers, so whatever else it would forbid it would forbid the model as well. test/kubernetes/connections
 * has every connection that is made.
 */
export function networkPolicies(values: InstallValues): Manifest[] {
  const { namespace, admission, collector, clients } = values;
  if (!values.networkPolicy) return [];
  // The API server has no address that a policy could name; it comes from anywhere, by TLS.
  const reviews = { ports: [tcp(webhookNames.port)] };
  const metrics = {
    from: clients.length > 0 ? inNamespaces(clients) : anyPod,
    ports: [tcp(webhookNames.probesPort)],
  };
  return [
    ...(admission === "webhook"
      ? [
          own("injector", namespace, {
            ingress: [reviews, metrics],
            egress: [dns, apiServer(values)],
          }),
        ]
      : []),
    ...(collector.enabled
      ? [
          own("collector", namespace, { ingress: [toCollector(values)], egress: fromCollector(values) }),
          ...collector.namespaces.map(({ name }) => controlPort(name, values)),
        ]
      : []),
  ];
}

const tcp = (port: number): object => ({ protocol: "TCP", port });
const anyTcp = { protocol: "TCP" };
const anyPod = [{ namespaceSelector: {} }];
const inNamespaces = (names: readonly string[]): object[] =>
  names.map((name) => ({ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } }));

const dns: Rule = {
  // A cache on the node has an address of the link, and is no pod of any namespace.
  to: [...inNamespaces(["kube-system"]), { ipBlock: { cidr: "169.254.20.10/32" } }],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};
/** On addresses that only the cluster knows. */
const apiServer = ({ apiServerPorts }: InstallValues): Rule => ({ ports: apiServerPorts.map(tcp) });

/** Sidecars, people and Prometheus. Models outside of the cluster come from no pod. */
function toCollector({ collector, clients }: InstallValues): Rule {
  const ports = [tcp(collectorPort)];
  if (collector.services.length > 0) return { ports };
  const names = collector.namespaces.map(({ name }) => name);
  const isClosed = clients.length > 0 && names.length > 0;
  return { from: isClosed ? inNamespaces([...new Set([...names, ...clients])]) : anyPod, ports };
}

/** It asks a sidecar itself whether it answers as active, on whatever port a pod's annotation has put that. */
function fromCollector(values: InstallValues): Rule[] {
  const { collector, elasticsearch } = values;
  const names = collector.namespaces.map(({ name }) => name);
  const services = collector.services.map((service) => ServiceConfig.parse(service));
  const controls = services.flatMap(({ instances }) =>
    instances.map(({ sidecar }) => splitAddress(sidecar.control).port),
  );
  const hooks = services.flatMap(({ notify }) =>
    notify.flatMap((one) => ("webhook" in one ? [one.webhook] : [])),
  );
  const others = [...controls, ...[...hooks, ...(elasticsearch ? [elasticsearch.url] : [])].map(portOf)];
  const ports = [...new Set(others)].toSorted((a, b) => a - b);
  return [
    dns,
    apiServer(values),
    { to: names.length > 0 ? inNamespaces(names) : anyPod, ports: [anyTcp] },
    ...(ports.length === 0 ? [] : [{ ports: ports.includes(0) ? [anyTcp] : ports.map(tcp) }]),
  ];
}

const portOf = (text: string): number => {
  const { port, protocol } = new URL(text);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
};

function own(component: Component, namespace: string, rules: { ingress: Rule[]; egress: Rule[] }): Manifest {
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

/** Every port but one stays as open as it was; that one is the collector's, the peers' and the node's (which no policy stops). */
function controlPort(namespace: string, { namespace: home, clients, inject }: InstallValues): Manifest {
  const port = Number(inject.defaults["control-port"] ?? keyTable["control-port"].fallback);
  const range = (protocol: string, first: number, last: number): object[] =>
    first > last ? [] : [{ protocol, port: first, endPort: last }];
  const injected = { matchLabels: { [label]: "enabled" } };
  return manifest(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    { name: "locum-control-port", namespace, component: "collector" },
    {
      spec: {
        podSelector: injected,
        policyTypes: ["Ingress"],
        ingress: [
          {
            ports: [
              ...range("TCP", 1, port - 1),
              ...range("TCP", port + 1, 65_535),
              ...range("UDP", 1, 65_535),
              ...range("SCTP", 1, 65_535),
            ],
          },
          {
            from: [
              ...inNamespaces([home]).map((peer) => ({
                ...peer,
                podSelector: { matchLabels: selectorLabels("collector") },
              })),
              // Of its own namespace: taps ask each other who is fit, above all while the collector is away.
              { podSelector: injected },
              ...inNamespaces(clients),
            ],
            ports: [tcp(port)],
          },
        ],
      },
    },
  );
}
