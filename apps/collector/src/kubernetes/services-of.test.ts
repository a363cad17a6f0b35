import fc from "fast-check";
import { expect, test } from "vitest";
import { podObject } from "./pod.fixture.ts";
import { type PodSeen, seePod } from "./pod-seen.ts";
import { servicesOf } from "./services-of.ts";

const see = (...objects: object[]): PodSeen[] =>
  objects.flatMap((object) => {
    const { metadata } = object as { metadata: object };
    return seePod({ ...object, metadata: { uid: JSON.stringify(metadata), ...metadata } }) ?? [];
  });
const options = { approvers: [], dataDir: "/data", reserved: new Set<string>() };

test("pods of one group are the instances of one service, on their nodes", () => {
  const { services, taken } = servicesOf(
    see(podObject("b"), podObject("a"), podObject("c", { service: "ct" })),
    options,
  );
  expect(services.map(({ service, instances }) => [service, instances.map(({ id }) => id)])).toEqual([
    ["xray", ["a", "b"]],
    ["ct", ["c"]],
  ]);
  expect(services[0]).toMatchObject({
    releases: "/data/releases/xray",
    instances: [{ domain: "n1", role: "active" }, {}],
  });
  expect(taken.get("models/a")).toEqual({ service: "xray", instance: "a" });
});

test("what a pod says of itself gives it no rights here", () => {
  const text = {
    notify: [{ exec: ["sh", "-c", "x"] }],
    approvers: [{ keyId: "0123456789abcdef", publicKey: `${"A".repeat(43)}=` }],
    releases: "/etc",
    collector: { dataDir: "/elsewhere" },
    traffic: { haproxy: [{ runtime: "/run/x.sock" }] },
  };
  const [service] = servicesOf(see(podObject("a", { text })), options).services;
  expect(service).toMatchObject({
    notify: [],
    approvers: [],
    releases: "/data/releases/xray",
    traffic: { haproxy: [] },
  });
  expect(service?.collector.dataDir).toBe(".locum/collector");
});

test("a name is that of the namespace that had it first, for good", () => {
  const old = podObject("a", { created: "2026-01-01T00:00:00Z" });
  const young = podObject("b", { namespace: "evil", created: "2026-02-01T00:00:00Z" });
  const first = servicesOf(see(young, old), options);
  expect(first.services[0]?.instances.map(({ id }) => id)).toEqual(["a"]);
  expect(first.leftOut.get("evil/b")).toContain("that of namespace models");
  const later = servicesOf(see(young), { ...options, owners: first.owners });
  expect(later.services).toEqual([]);
});

test("left out: a service of a file, the 65th, another's name, what cannot be read", () => {
  const many = Array.from({ length: 66 }, (_, index) => podObject(`p-${index}`));
  const { services, leftOut } = servicesOf(see(...many), options);
  expect(services[0]?.instances).toHaveLength(64);
  expect([...leftOut.values()]).toEqual(Array(2).fill("the service xray has 64 instances already"));
  const reserved = { ...options, reserved: new Set(["xray"]) };
  expect(servicesOf(see(podObject("a")), reserved).leftOut.get("models/a")).toContain("service file");
  const other = podObject("a", { text: { instances: [{ id: "b", url: "http://127.0.0.1:1" }] } });
  expect(servicesOf(see(other), options).leftOut.get("models/a")).toContain("another instance");
});

test("one exclusive pod makes the service exclusive, and nobody starts as its active", () => {
  const pods = see(podObject("a"), podObject("b", { poolClass: "exclusive" }));
  const [service] = servicesOf(pods, options).services;
  expect(service).toMatchObject({ class: "exclusive", posture: "tap" });
  expect(service?.instances.map(({ role }) => role)).toEqual(["standby", "standby"]);
});

test("property: whatever an object is, it is a pod or nothing", () => {
  const values = fc.anything({ withBigInt: false });
  const shaped = fc.record({
    metadata: fc.record({
      name: values,
      namespace: values,
      uid: values,
      labels: values,
      annotations: values,
      ownerReferences: values,
    }),
    spec: fc.record({ containers: values, initContainers: values }),
    status: values,
  });
  const good = { uid: "u", name: "n", namespace: "m" };
  const nearly = fc.record({
    metadata: fc.record({ labels: values, annotations: values }).map((more) => ({ ...good, ...more })),
    spec: fc.record({
      containers: fc.array(fc.record({ name: fc.constantFrom("locum-sidecar", "x"), env: values })),
    }),
    status: values,
  });
  fc.assert(
    fc.property(fc.oneof(values, shaped, nearly), (object) => {
      const pod = seePod(object);
      if (pod) servicesOf([pod], options);
    }),
    { numRuns: 500 },
  );
});
