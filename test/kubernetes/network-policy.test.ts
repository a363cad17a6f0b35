import { expect, test } from "vitest";
import { type Connection, type End, isConnectionAllowed, type NetworkPolicy } from "./network-policy.ts";

const namespaces = { a: { name: "a" }, b: { name: "b", team: "x" } };
const pod = (namespace: string, labels: Record<string, string> = {}): End => ({
  kind: "pod",
  namespace,
  labels,
  ports: { http: 80 },
});
const web = pod("a", { app: "web" });
const outside: End = { kind: "address", ip: "10.1.2.3" };
const policy = (spec: Partial<NetworkPolicy["spec"]>): NetworkPolicy => ({
  metadata: { namespace: "a" },
  spec: { podSelector: { matchLabels: { app: "web" } }, ...spec },
});
const to = (from: End, port = 80): Connection => ({ from, to: web, port });

// The recipes of the Kubernetes documentation (concepts/services-networking/network-policies), case by case.
test.each<[string, Connection, NetworkPolicy[], boolean]>([
  ["nobody selects it", to(pod("b")), [], true],
  ["it is selected, and nothing is allowed", to(pod("b")), [policy({})], false],
  ["another pod is selected", to(pod("b")), [policy({ podSelector: { matchLabels: { app: "db" } } })], true],
  ["everything is allowed", to(outside), [policy({ ingress: [{}] })], true],
  ["its port", to(pod("b")), [policy({ ingress: [{ ports: [{ port: 80 }] }] })], true],
  ["its port by name", to(pod("b")), [policy({ ingress: [{ ports: [{ port: "http" }] }] })], true],
  ["another port", to(pod("b"), 81), [policy({ ingress: [{ ports: [{ port: 80 }] }] })], false],
  ["a range", to(pod("b"), 85), [policy({ ingress: [{ ports: [{ port: 80, endPort: 90 }] }] })], true],
  ["past a range", to(pod("b"), 91), [policy({ ingress: [{ ports: [{ port: 80, endPort: 90 }] }] })], false],
  [
    "another protocol",
    to(pod("b")),
    [policy({ ingress: [{ ports: [{ protocol: "UDP", port: 80 }] }] })],
    false,
  ],
  [
    "a pod of its own namespace",
    to(pod("a", { role: "f" })),
    [policy({ ingress: [{ from: [{ podSelector: { matchLabels: { role: "f" } } }] }] })],
    true,
  ],
  [
    "such a pod elsewhere",
    to(pod("b", { role: "f" })),
    [policy({ ingress: [{ from: [{ podSelector: {} }] }] })],
    false,
  ],
  [
    "a namespace",
    to(pod("b")),
    [policy({ ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "x" } } }] }] })],
    true,
  ],
  [
    "a namespace and a pod in it, both in one peer",
    to(pod("b")),
    [
      policy({
        ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { role: "f" } } }] }],
      }),
    ],
    false,
  ],
  [
    "all namespaces are no address",
    to(outside),
    [policy({ ingress: [{ from: [{ namespaceSelector: {} }] }] })],
    false,
  ],
  ["a block", to(outside), [policy({ ingress: [{ from: [{ ipBlock: { cidr: "10.1.0.0/16" } }] }] })], true],
  [
    "what a block leaves out",
    to(outside),
    [policy({ ingress: [{ from: [{ ipBlock: { cidr: "10.1.0.0/16", except: ["10.1.2.0/24"] } }] }] })],
    false,
  ],
  ["one of two policies allows it", to(pod("b")), [policy({}), policy({ ingress: [{}] })], true],
  ["egress is not asked of by ingress", { from: web, to: outside, port: 1 }, [policy({})], true],
  [
    "egress is closed",
    { from: web, to: outside, port: 1 },
    [policy({ policyTypes: ["Ingress", "Egress"] })],
    false,
  ],
  [
    "one end alone does not do",
    { from: web, to: pod("a", { app: "db" }), port: 1 },
    [policy({ egress: [{}] }), policy({ podSelector: { matchLabels: { app: "db" } } })],
    false,
  ],
])("%s", (_, connection, policies, allowed) => {
  expect(isConnectionAllowed(connection, policies, namespaces)).toBe(allowed);
});
