import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { injectorCertificate } from "@locum/cli/injector-certificate";
import { resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startClusterCollector } from "../kubernetes/cluster-collector.ts";
import { modelDeployment, podsOf } from "../kubernetes/injected-deployment.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";
import { until } from "../stack/until.ts";

const missing = kubernetesMissing();
const minutes = 60_000;
const namespace = "models";
type Line = { kind: string; group: string; level: string; what: string; evidence: string[]; hint: string };
const checksDoc = readFileSync(new URL("../../docs/checks.md", import.meta.url), "utf8");
/** Those of which docs/checks.md speaks, which a test of the table holds equal. */
const groups = [...checksDoc.matchAll(/^## (.+)$/gm)].map(([, group = ""]) => group);

describe.skipIf(missing)(`locum check and a real API server (${missing ?? "Kubernetes"})`, () => {
  let cluster: Cluster;
  let dir: string;
  let locum: LocumCommand;

  beforeAll(async () => {
    cluster = await startKubernetes();
    dir = await mkdtemp(join(tmpdir(), "locum-check-"));
    locum = locumCommand({ dir });
    for (const name of [namespace, "locum-system"])
      await cluster.run("kubectl", ["create", "namespace", name]);
    await until(() => cluster.client.get(resources.serviceAccounts, { namespace, name: "default" }), {
      what: "the service account",
    });
  }, 10 * minutes);
  afterAll(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  }, 2 * minutes);

  const apply = (...items: object[]) =>
    cluster.run("kubectl", ["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const check = async (...args: string[]) => {
    const { code, stdout, stderr } = await locum.run("check", "--json", ...args);
    const lines = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
    const levels = new Map<string, string[]>();
    for (const { kind, group, level } of lines)
      if (kind === "check") levels.set(group, [...(levels.get(group) ?? []), level]);
    const bad = lines
      .filter(({ kind, level }) => kind === "check" && level === "bad")
      .map(({ group }) => group);
    for (const { group, evidence, hint } of lines.filter((line) => line.kind === "check")) {
      expect(evidence, group).not.toEqual([]);
      expect(hint).toBe(`docs/checks.md#${group}`);
      expect(groups).toContain(group);
    }
    return { code, stderr, lines, levels, bad };
  };
  const admin = () => ["--kubeconfig", cluster.kubeconfig];
  const at = (name: string) => ({ name, namespace });
  const service = (targetPort: number) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: at("xray"),
    spec: { selector: { app: "xray" }, ports: [{ port: 80, targetPort }] },
  });
  const budget = (spec: object) => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: at("xray"),
    spec: { selector: { matchLabels: { app: "xray" } }, ...spec },
  });

  it(
    "before an installation: an administrator may, somebody else may not",
    async () => {
      expect(await check(...admin(), "--pre")).toMatchObject({ code: 0, bad: [] });
      await cluster.run("kubectl", ["create", "serviceaccount", "nobody", "-n", namespace]);
      const token = await cluster.run("kubectl", ["create", "token", "nobody", "-n", namespace]);
      const file = join(dir, "nobody.kubeconfig");
      const text = await readFile(cluster.kubeconfig, "utf8");
      const user = JSON.stringify([{ name: "n", user: { token: token.trim() } }]);
      await writeFile(
        file,
        text.replace(/^users: .*$/m, `users: ${user}`).replace(/user: \w+\}\}/, "user: n}}"),
      );
      expect(await check("--kubeconfig", file, "--pre")).toMatchObject({ code: 2, bad: ["permissions"] });
      const blind = await check("--kubeconfig", file);
      expect(blind.levels.get("ports")).toEqual(["note"]);
      expect(blind.bad).toEqual(["injection-coverage"]);
    },
    minutes,
  );

  it(
    "nothing injects yet",
    async () => {
      expect(await check(...admin())).toMatchObject({ code: 2, bad: ["webhook-cert"] });
    },
    minutes,
  );

  it(
    "a good cluster is in order",
    async () => {
      const certificate = Buffer.from(injectorCertificate.pem).toString("base64");
      const labels = { app: "locum-injector" };
      await apply(
        {
          apiVersion: "admissionregistration.k8s.io/v1",
          kind: "MutatingWebhookConfiguration",
          metadata: { name: "locum-injector" },
          webhooks: [
            {
              name: "pods.inject.locum.dev",
              admissionReviewVersions: ["v1"],
              sideEffects: "None",
              clientConfig: { url: "https://127.0.0.1:1/inject", caBundle: certificate },
              // Asked for no pod: there is no injector behind it.
              namespaceSelector: { matchLabels: { nobody: "here" } },
              rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
            },
          ],
        },
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { name: "locum-injector-tls", namespace: "locum-system" },
          data: { "tls.crt": certificate },
        },
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "locum-injector", namespace: "locum-system" },
          spec: {
            replicas: 2,
            selector: { matchLabels: labels },
            template: { metadata: { labels }, spec: { containers: [{ name: "injector", image: "i" }] } },
          },
        },
        modelDeployment("xray", { namespace, annotations: { "locum.dev/posture": "tap" } }),
        service(8471),
        budget({ maxUnavailable: 1 }),
      );
      const found = await check(...admin(), "--wait", "1m");
      expect(found).toMatchObject({ code: 0, bad: [] });
      for (const group of ["kubernetes-api", "versions", "permissions", "pod-security", "webhook-cert"])
        expect(new Set(found.levels.get(group)), group).toEqual(new Set(["ok"]));
      for (const group of ["injection-coverage", "ports", "hpa", "pdb", "version-skew"])
        expect(found.levels.get(group), group).toEqual(["ok"]);
      expect([...found.levels.keys()]).toEqual(groups);
    },
    2 * minutes,
  );

  it(
    "with a collector it tells what only that knows: nobody runs in these pods, so nobody can stand in",
    async () => {
      const collector = await startClusterCollector(cluster, { namespaces: [namespace] });
      const tokens = join(dir, "tokens.json");
      const given = ["--collector", collector.url, "--token-file", tokens];
      try {
        await copyFile(collector.tokenFile, tokens);
        await until(async () => (await collector.client.services()).length > 0, { what: "the service" });
        const found = await check(...admin(), ...given);
        expect(found).toMatchObject({ code: 2, bad: ["standby"] });
        const standby = found.lines.find(({ group }) => group === "standby");
        expect(standby?.evidence).toEqual([expect.stringMatching(/xray: 0 of 2 fit/)]);
        for (const group of ["snapshots", "drill-age"]) expect(found.levels.get(group)).toEqual(["note"]);
      } finally {
        await collector.stop();
      }
      const gone = await check(...admin(), ...given);
      expect(gone).toMatchObject({ code: 2, bad: ["standby"] });
    },
    2 * minutes,
  );

  it(
    "a broken one is told group by group, and --wait sees it mended",
    async () => {
      await apply(
        modelDeployment("bare", { namespace, injected: false }),
        service(8000),
        budget({ maxUnavailable: 0 }),
        {
          apiVersion: "autoscaling/v2",
          kind: "HorizontalPodAutoscaler",
          metadata: at("xray"),
          spec: {
            maxReplicas: 3,
            scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "xray" },
            metrics: [
              {
                type: "Resource",
                resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
              },
            ],
          },
        },
      );
      await until(async () => (await podsOf(cluster, "bare", namespace)).length === 2, {
        what: "the bare pods",
      });
      const found = await check(...admin(), "--namespace", namespace);
      expect(found).toMatchObject({ code: 2, bad: ["injection-coverage", "ports", "pdb"] });
      expect(found.levels.get("hpa")).toEqual(["note"]);
      expect(found.lines.find(({ group }) => group === "ports")?.evidence).toEqual([
        `${namespace}/xray targetPort 8000`,
      ]);

      const waiting = check(...admin(), "--wait", "2m");
      await cluster.run("kubectl", ["delete", "deployment", "bare", "-n", namespace]);
      await apply(service(8471), budget({ maxUnavailable: 1 }));
      expect(await waiting).toMatchObject({ code: 0, bad: [] });
    },
    3 * minutes,
  );

  it(
    "an API server that is not there",
    async () => {
      const file = join(dir, "gone.kubeconfig");
      const text = await readFile(cluster.kubeconfig, "utf8");
      await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, "https://127.0.0.1:1"));
      expect(await check("--kubeconfig", file)).toMatchObject({ code: 2, bad: ["kubernetes-api"] });
    },
    minutes,
  );
});
