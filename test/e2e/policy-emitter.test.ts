import { applyManifests, removeManifests } from "@locum/cli/apply-manifests";
import { type InstallValues, inject, installValues, renderInstall, sidecarConfig } from "@locum/injection";
import { diceOf } from "@locum/injection/dice";
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SomePod, somePod } from "../injection/some-pod.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";

type Obj = Record<string, unknown>;
const missing = kubernetesMissing();
const podsEach = 400;
const installs: readonly [string, InstallValues][] = [
  [
    "native sidecars",
    installValues({
      admission: "policy",
      guard: "off",
      collector: { enabled: false },
      inject: { kubeletMin: "1.36" },
    }),
  ],
  [
    "ordinary containers, a collector, defaults of the cluster",
    installValues({
      admission: "policy",
      guard: "off",
      imagePullPolicy: "Always",
      inject: {
        approvers: [{ keyId: "0123456789abcdef", publicKey: `${"A".repeat(43)}=` }],
        collector: { url: "https://collector.locum:8443", caConfigMap: "locum-ca" },
        defaults: { "memory-request": "80Mi", "control-port": "9472", "snapshot-volume": "pvc:all" },
      },
    }),
  ],
];

/** What a policy cannot know, and says so: docs/injection.md has the table. */
const uncovered = ({ metadata, spec }: SomePod): boolean => {
  const keys = (metadata.annotations ?? {}) as Record<string, string>;
  const raw = JSON.stringify(spec.containers.map(({ command, args }) => [command, args]));
  return (
    keys["locum.dev/posture"] === "tap" ||
    keys["locum.dev/on-source-failure"] === "use-snapshot" ||
    !["auto", "none", undefined].includes(keys["locum.dev/rewrite-probes"]) ||
    /\$[({]/.test(raw) ||
    /[^ -~]/.test(raw)
  );
};

describe.skipIf(missing)(`MutatingAdmissionPolicy and inject() (${missing ?? "real API server"})`, () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startKubernetes({ minimal: true });
    const off = { "locum.dev/admission": "disabled" };
    for (const [name, labels] of [
      ["covered", {}],
      ["plain", off],
    ] as const)
      await cluster.client.create(
        resources.namespaces,
        {},
        { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } },
      );
  }, 900_000);
  afterAll(() => cluster?.stop(), 60_000);

  const create = async (namespace: string, pod: object): Promise<KubeObject | string> =>
    cluster.client
      .create(resources.pods, { namespace }, pod, { dryRun: true })
      .catch((error: Error) => error.message);

  test.each(installs)(
    "one result for each pod: %s",
    async (_, values) => {
      const policies = renderInstall(values).filter(({ kind }) => kind.startsWith("Mutating"));
      await applyManifests(cluster.client, policies);
      const config = sidecarConfig(values);
      // Policies are taken up a moment after they are stored: asked until this one's own mark is seen.
      await expect
        .poll(async () => JSON.stringify(await create("covered", canary)), { timeout: 30_000 })
        .toContain(markOf(config));
      const seen = { equal: 0, declined: 0, uncovered: 0, refused: 0 };
      for (let seed = 1; seed <= podsEach; seed += 1) seen[await compare(seed, config)] += 1;
      expect(seen.equal, JSON.stringify(seen)).toBeGreaterThanOrEqual(180);
      expect(seen.declined).toBeGreaterThan(10);
      expect(seen.uncovered).toBeGreaterThan(5);
      expect(seen.refused).toBeLessThan(podsEach / 10);
      await removeManifests(cluster.client, policies);
    },
    300_000,
  );

  async function compare(
    seed: number,
    config: ReturnType<typeof sidecarConfig>,
  ): Promise<"equal" | "declined" | "uncovered" | "refused"> {
    const pod = somePod(diceOf(seed));
    // The plug-in that would set it is off without controllers.
    pod.spec.serviceAccountName = "default";
    const before = await create("plain", pod);
    if (typeof before === "string") return "refused";
    const meta = {
      ...pod.metadata,
      labels: before.metadata.labels,
      annotations: before.metadata.annotations,
    };
    const wanted = inject({ pod: before.spec, meta, config });
    const made = await create("covered", pod);
    const context = `seed ${seed}: ${JSON.stringify(pod)} ${JSON.stringify(wanted)}`;
    if (typeof made === "string") throw new Error(`${made}\n${context}`);
    if (wanted.kind === "declined") {
      expect(bare(made), context).toEqual(bare(before));
      return "declined";
    }
    if (!sidecarIn(made)) {
      expect(uncovered(pod) || /server_unknown/.test(JSON.stringify(wanted.notes)), context).toBe(true);
      expect(bare(made), context).toEqual(bare(before));
      return "uncovered";
    }
    const injected = await create("plain", { ...pod, metadata: wanted.meta, spec: wanted.pod });
    if (typeof injected === "string") throw new Error(`${injected}\n${context}`);
    expect(bare(made), context).toEqual(bare(injected));
    return "equal";
  }
});

const canary = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "canary", labels: { "locum.dev/inject": "enabled" } },
  spec: { serviceAccountName: "default", containers: [{ name: "s", image: "ollama/ollama" }] },
};

/** What the status of a pod says of the values that it was injected by. */
function markOf(config: ReturnType<typeof sidecarConfig>): string {
  const made = inject({ pod: canary.spec, meta: canary.metadata, config });
  if (made.kind === "declined") throw new Error(made.detail);
  return String(made.meta.annotations?.["locum.dev/status"]).match(/"spec":"(\w+)"/)?.[1] ?? "";
}

const sidecarIn = (pod: KubeObject | string): boolean => JSON.stringify(pod).includes('"locum-sidecar"');

/** Without what differs from one request to the next. */
function bare({ metadata, spec }: KubeObject): Obj {
  const { labels, annotations } = metadata;
  return { labels: labels ?? {}, annotations: annotations ?? {}, spec };
}
