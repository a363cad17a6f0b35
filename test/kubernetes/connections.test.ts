import {
  type InstallValues,
  inject,
  installValues,
  renderInstall,
  sidecarConfig,
  webhookNames,
} from "@locum/injection";
import { describe, expect, test } from "vitest";
import { type End, isConnectionAllowed, type NetworkPolicy } from "./network-policy.ts";

/**
 * There is no network of pods here. So every connection that the parts make is in this table, with the file that makes
 * it, and the policies are asked about each by the rules of Kubernetes.
 */
const asks = { "locum.dev/inject": "enabled" };
const pod = (namespace: string, labels: Record<string, string> = {}): End => ({
  kind: "pod",
  namespace,
  labels,
});
const address = (ip: string): End => ({ kind: "address", ip });
const labelsOf = (component: string) => ({
  "app.kubernetes.io/name": "locum",
  "app.kubernetes.io/component": component,
});
const apiServer = address("172.20.0.1");
const dns = pod("kube-system", { "k8s-app": "kube-dns" });
const outside = address("203.0.113.7");
const prometheus = pod("monitoring", { app: "prometheus" });
const sidecar = pod("models", { app: "chat", ...asks });
const peer = pod("models", { app: "chat", ...asks });
const elsewhere = pod("shop", { app: "web" });

const namespaces = Object.fromEntries(
  ["kube-system", "locum-system", "models", "batch", "monitoring", "shop", "logging", "dr"].map((name) => [
    name,
    { "kubernetes.io/metadata.name": name },
  ]),
);
const policiesOf = (values: InstallValues): NetworkPolicy[] =>
  renderInstall(values).filter(({ kind }) => kind === "NetworkPolicy") as unknown as NetworkPolicy[];

type Row = [what: string, from: End, to: End, port: number, protocol?: "TCP" | "UDP"];
function rowsOf({ namespace, inject: { defaults } }: InstallValues) {
  const injector = pod(namespace, labelsOf("injector"));
  const collector = pod(namespace, labelsOf("collector"));
  const control = Number(defaults["control-port"] ?? 8472);
  const made: Row[] = [
    ["the API server asks the injector (webhook-configuration.ts)", apiServer, injector, 8443],
    ["the injector reads its Secret and writes the caBundle (start-injector.ts)", injector, apiServer, 443],
    ["the same past its Service, on the address itself", injector, apiServer, 6443],
    ["the collector watches pods and reviews tokens (join-cluster.ts)", collector, apiServer, 443],
    ["the same past its Service", collector, apiServer, 6443],
    ["the collector looks names up", collector, dns, 53, "UDP"],
    ["long answers of names", collector, dns, 53],
    ["names, by the node's own cache", collector, address("169.254.20.10"), 53, "UDP"],
    ["a sidecar joins the collector (collector-link.ts)", sidecar, collector, 8470],
    ["the collector verifies the path through a sidecar (traffic-path.ts)", collector, sidecar, control],
    ["a sidecar asks its peer (poll-peers.ts)", peer, sidecar, control],
    ["a tap forwards to its peer's tap (upstreams.ts)", peer, sidecar, 8471],
    ["a client reaches the tap", elsewhere, sidecar, 8471],
    ["a client reaches the model", elsewhere, sidecar, 8000],
    ["HAProxy of other pods asks a sidecar's agent-check", elsewhere, sidecar, 8473],
    ["Prometheus reads the collector's metrics (app.ts)", prometheus, collector, 8470],
    ["Prometheus reads the injector's metrics (app.ts)", prometheus, injector, 8080],
  ];
  const never: Row[] = [
    ["a stranger on the sidecar's control port", elsewhere, sidecar, control],
    [
      "a neighbour of the model that has no sidecar, on it",
      pod("models", { app: "other" }),
      sidecar,
      control,
    ],
    ["a pod elsewhere that wears our label, on it", pod("shop", asks), sidecar, control],
    [
      "a pod elsewhere that wears the collector's labels",
      pod("shop", labelsOf("collector")),
      sidecar,
      control,
    ],
    ["the world, on it", outside, sidecar, control],
    ["any other port of the collector", elsewhere, collector, 22],
    ["any other port of the injector", elsewhere, injector, 22],
    ["the injector's probes, from outside", outside, injector, 8080],
    ["the injector reaches a model", injector, sidecar, 8000],
    ["the injector reaches the world in the clear", injector, outside, 80],
    ["the injector reaches the collector", injector, collector, 8470],
    ["the collector reaches the world in the clear", collector, outside, 80],
    ["the collector reaches a stranger", collector, elsewhere, 8080],
  ];
  return { injector, collector, made, never };
}

const models = { namespaces: [{ name: "models", promotion: true }, { name: "batch" }] };
const cases: Record<string, InstallValues> = {
  "namespaces are named": installValues({ collector: models }),
  "so are clients": installValues({ collector: models, clients: ["monitoring"] }),
  "another namespace, another control port": installValues({
    namespace: "dr",
    collector: models,
    inject: { defaults: { "control-port": "9472" } },
  }),
};

describe.each(Object.entries(cases))("%s", (_name, values) => {
  const policies = policiesOf(values);
  const { made, never } = rowsOf(values);
  const allowed = ([, from, to, port, protocol = "TCP"]: Row): boolean =>
    isConnectionAllowed({ from, to, port, protocol }, policies, namespaces);
  test.each(made)("%s: open", (...row) => void expect(allowed(row as Row)).toBe(true));
  test.each(never)("%s: closed", (...row) => void expect(allowed(row as Row)).toBe(false));
});

const ask = (values: InstallValues, from: End, to: End, port: number): boolean =>
  isConnectionAllowed({ from, to, port }, policiesOf(values), namespaces);

test("where clients are named, no other reaches the API and the metrics", () => {
  const values = cases["so are clients"] as InstallValues;
  const { collector, injector } = rowsOf(values);
  expect(ask(values, elsewhere, collector, 8470)).toBe(false);
  expect(ask(values, outside, collector, 8470)).toBe(false);
  expect(ask(values, elsewhere, injector, 8080)).toBe(false);
  expect(ask(values, prometheus, sidecar, 8472)).toBe(true);
  expect(ask(values, pod("batch", asks), collector, 8470)).toBe(true);
});

test("models outside of the cluster reach the collector, and it reaches them and whom it notifies", () => {
  const service = {
    apiVersion: "locum.dev/v1alpha1",
    service: "far",
    instances: [{ id: "a", url: "http://203.0.113.7:8000", sidecar: { control: "203.0.113.7:9000" } }],
    notify: [{ webhook: "http://203.0.113.9:8065/hook" }],
  };
  const values = installValues({ collector: { services: [service] } });
  const { collector } = rowsOf(values);
  expect(ask(values, outside, collector, 8470)).toBe(true);
  expect(ask(values, collector, outside, 9000)).toBe(true);
  expect(ask(values, collector, address("203.0.113.9"), 8065)).toBe(true);
  expect(ask(values, collector, outside, 9001)).toBe(false);
  // A control port that is not fixed can be any.
  const [instance] = service.instances;
  const free = { ...service, instances: [{ id: instance?.id, url: instance?.url }] };
  expect(ask(installValues({ collector: { services: [free] } }), collector, outside, 9001)).toBe(true);
});

test("Elasticsearch is reached where it is named, and on no other port", () => {
  const values = installValues({ elasticsearch: { url: "https://elasticsearch.logging:9200" } });
  const { collector } = rowsOf(values);
  const elasticsearch = pod("logging", { app: "elasticsearch" });
  expect(ask(values, collector, elasticsearch, 9200)).toBe(true);
  expect(ask(cases["namespaces are named"] as InstallValues, collector, elasticsearch, 9200)).toBe(false);
});

test("an API server on a port of its own is reached where it is told", () => {
  const values = installValues({ apiServerPorts: [8443] });
  const { injector, collector } = rowsOf(values);
  for (const from of [injector, collector]) {
    expect(ask(values, from, apiServer, 8443)).toBe(true);
    expect(ask(values, from, apiServer, 6443)).toBe(false);
  }
});

test("the table's ports are those of the objects: probes, Services, and the injected sidecar", () => {
  const values = cases["namespaces are named"] as InstallValues;
  const text = JSON.stringify(
    renderInstall(values).filter(({ kind }) => /Deployment|StatefulSet/.test(kind)),
  );
  for (const port of [webhookNames.port, webhookNames.probesPort, 8470])
    expect(text).toContain(`"containerPort":${port}`);
  const done = inject({
    pod: {
      containers: [
        {
          name: "m",
          image: "nvcr.io/nvidia/tritonserver:24.08-py3",
          ports: [{ name: "http", containerPort: 8000 }],
        },
      ],
    },
    meta: { labels: asks, annotations: { "locum.dev/posture": "tap" } },
    config: sidecarConfig(values),
    owner: "chat",
  });
  expect(JSON.stringify(done)).toMatch(/"containerPort":8471.*"containerPort":8472/);
});

test("policies that are not wanted are not made", () => {
  expect(policiesOf(installValues({ networkPolicy: false }))).toEqual([]);
});
