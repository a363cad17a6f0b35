import { X509Certificate } from "node:crypto";
import { createRandom } from "@locum/runtime";
import { resources } from "@locum/runtime/kubernetes";
import { describe, expect, test } from "vitest";
import { certificateSecret } from "./adapters/certificate-secret.ts";
import { publishBundle } from "./adapters/webhook-bundle.ts";
import { type CertificateSet, readBundle } from "./certificates/certificate-set.ts";
import { lookAtCertificates } from "./keep-own-certificates.ts";
import { type MemoryCluster, memoryCluster, secretPath } from "./memory-cluster.fixture.ts";

const dayMs = 86_400_000;
const startMs = Date.UTC(2030, 0, 1);
const place = { namespace: "locum-system", name: "locum-injector-tls" };

/** One replica: what it serves, and its looks. */
function replica(cluster: MemoryCluster, clock: { nowMs: number }) {
  let set: CertificateSet | null = null;
  const served: string[] = [];
  return {
    served,
    async look(): Promise<boolean> {
      const seen = await lookAtCertificates(
        {
          secret: certificateSecret(cluster, place.namespace),
          publish: (authorities) => publishBundle(cluster, authorities),
          use: ({ cert }) => void served.push(cert),
          names: ["locum-injector.locum-system.svc"],
          clock: { wallMs: () => clock.nowMs },
          log: () => undefined,
        },
        set,
      );
      set = seen.set;
      return seen.trusted;
    },
  };
}

/** As the API server does: by every bundle of ours, at this moment. */
function isTrusted(cluster: MemoryCluster, cert: string | undefined, nowMs: number): boolean {
  const leaf = new X509Certificate(cert ?? "");
  const isNow = (one: X509Certificate): boolean =>
    one.validFromDate.getTime() <= nowMs && nowMs < one.validToDate.getTime();
  return (
    isNow(leaf) &&
    cluster
      .bundles()
      .every((bundle) =>
        readBundle(Buffer.from(bundle ?? "", "base64").toString()).some(
          (authority) => isNow(authority) && leaf.verify(authority.publicKey),
        ),
      )
  );
}

test("replicas that start at once agree, with one write", async () => {
  const cluster = memoryCluster();
  cluster.register();
  const replicas = Array.from({ length: 5 }, () => replica(cluster, { nowMs: startMs }));
  expect(await Promise.all(replicas.map((one) => one.look()))).toEqual(Array(5).fill(true));
  expect(cluster.writes.filter((write) => write.includes("secrets"))).toEqual(
    ["create /api/v1/namespaces/locum-system/secrets"].map((path) => `${path}/locum-injector-tls`),
  );
  expect(new Set(replicas.map(({ served }) => served.at(-1))).size).toBe(1);
  expect(isTrusted(cluster, replicas[0]?.served.at(-1), startMs)).toBe(true);
  expect(cluster.writes.at(-1)).toMatch(/mutatingwebhookconfigurations\/locum-injector locum-injector true$/);
});

test("years of three replicas, each at its own pace: whatever any of them serves is trusted at every moment", async () => {
  const cluster = memoryCluster();
  cluster.register();
  const clock = { nowMs: startMs };
  const random = createRandom(7);
  const replicas = Array.from({ length: 3 }, () => replica(cluster, clock));
  await Promise.all(replicas.map((one) => one.look()));
  for (; clock.nowMs < startMs + 1500 * dayMs; clock.nowMs += dayMs) {
    await Promise.all(replicas.filter(() => random.next() < 0.7).map((one) => one.look()));
    for (const { served } of replicas) expect(isTrusted(cluster, served.at(-1), clock.nowMs)).toBe(true);
  }
  const writes = cluster.writes.filter((write) => write.includes("/secrets/"));
  // One renewal a due date, whoever of the three does it.
  expect(writes.length).toBeLessThan(1500 / 20 + 6);
  expect(writes.length).toBeGreaterThan(1500 / 23);
});

describe("what others do to it", () => {
  test("the Secret is deleted: all follow to a new authority", async () => {
    const cluster = memoryCluster();
    cluster.register();
    const [a, b] = [replica(cluster, { nowMs: startMs }), replica(cluster, { nowMs: startMs })];
    await Promise.all([a.look(), b.look()]);
    cluster.drop(secretPath);
    await a.look();
    await b.look();
    expect(a.served).toHaveLength(2);
    expect(b.served.at(-1)).toBe(a.served.at(-1));
    expect(isTrusted(cluster, b.served.at(-1), startMs)).toBe(true);
  });

  test("a chart renders the registration anew: the caBundle is back at the next look", async () => {
    const cluster = memoryCluster();
    cluster.register();
    const one = replica(cluster, { nowMs: startMs });
    await one.look();
    cluster.register();
    expect(cluster.bundles()).toEqual([undefined, undefined]);
    expect(await one.look()).toBe(true);
    expect(isTrusted(cluster, one.served.at(-1), startMs)).toBe(true);
    expect(one.served).toHaveLength(1);
  });

  test("no registration yet: there is a certificate, and it is said that nobody trusts it", async () => {
    const cluster = memoryCluster();
    const one = replica(cluster, { nowMs: startMs });
    expect(await one.look()).toBe(false);
    expect(one.served).toHaveLength(1);
    cluster.register();
    expect(await one.look()).toBe(true);
  });

  test("what else stands in the Secret stays there", async () => {
    const cluster = memoryCluster();
    cluster.register();
    const labelled = { metadata: { name: place.name, labels: { team: "ml" } }, data: { other: "eA==" } };
    await cluster.create(resources.secrets, { namespace: place.namespace }, labelled);
    await replica(cluster, { nowMs: startMs }).look();
    expect(await cluster.get(resources.secrets, place)).toMatchObject({
      metadata: { labels: { team: "ml" } },
      data: { other: "eA==", "tls.crt": expect.any(String) },
    });
  });

  test("the API server goes away and comes back: what is served stays, and is renewed then", async () => {
    const cluster = memoryCluster();
    cluster.register();
    const clock = { nowMs: startMs };
    const one = replica(cluster, clock);
    await one.look();
    cluster.outage = new Error("gone");
    clock.nowMs += 21 * dayMs;
    await expect(one.look()).rejects.toThrow("gone");
    expect(one.served).toHaveLength(1);
    cluster.outage = null;
    await one.look();
    expect(one.served).toHaveLength(2);
    expect(isTrusted(cluster, one.served.at(-1), clock.nowMs)).toBe(true);
  });
});
