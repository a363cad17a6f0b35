import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  chartValues,
  type InstallValues,
  installValues,
  type Manifest,
  readStream,
  renderInstall,
} from "@locum/injection";
import { resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { labelledObjects } from "../kubernetes/installed-objects.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";

const missing = kubernetesMissing();
const deploy = (path: string) => fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url));
const namespaces = [{ name: "models", promotion: true }];

describe.skipIf(missing)(`Helm and kustomize (${missing ?? "real API server"})`, () => {
  let cluster: Cluster;
  let dir: string;
  const file = (name: string) => join(dir, name);
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-helm-"));
    cluster = await startKubernetes();
  }, 900_000);
  afterAll(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  const charts: [string, InstallValues][] = [
    ["default", installValues()],
    [
      "policy",
      installValues({ admission: "policy", inject: { kubeletMin: "1.36" }, collector: { namespaces } }),
    ],
    ["small", installValues({ collector: { enabled: false }, networkPolicy: false, guard: "warn" })],
  ];
  test.each(charts)("the chart renders what the command would apply: %s", async (name, values) => {
    await writeFile(file(`${name}.yaml`), chartValues(values));
    const text = await cluster.run("helm", [
      "template",
      "locum",
      deploy("helm/locum"),
      "--kube-version",
      "1.36.0",
      "-f",
      file(`${name}.yaml`),
    ]);
    const wanted = renderInstall(values).filter(({ kind }) => kind !== "Namespace");
    expect(byName(objectsOf(text))).toEqual(byName(wanted));
  });

  test("the chart's own values, and the kustomize base, are those of every default", async () => {
    const all = renderInstall(installValues());
    const chart = await cluster.run("helm", [
      "template",
      "locum",
      deploy("helm/locum"),
      "--kube-version",
      "1.36.0",
    ]);
    expect(byName(objectsOf(chart))).toEqual(byName(all.filter(({ kind }) => kind !== "Namespace")));
    const base = await cluster.run("kubectl", ["kustomize", deploy("kustomize/base")]);
    expect(byName(objectsOf(base))).toEqual(byName(all));
  });

  test("helm: installed, upgraded to the policy, rolled back, taken out", async () => {
    const helm = (...args: string[]) => cluster.run("helm", [...args, "-n", "locum-system"]);
    const webhook = () => cluster.client.get(resources.mutatingWebhooks, { name: "locum-injector" });
    await writeFile(file("one.yaml"), chartValues(installValues({ collector: { enabled: false } })));
    await writeFile(
      file("two.yaml"),
      chartValues(installValues({ collector: { enabled: false }, admission: "policy" })),
    );
    await helm(
      "install",
      "locum",
      deploy("helm/locum"),
      "--create-namespace",
      "-f",
      file("one.yaml"),
      "--wait",
      "--timeout",
      "60s",
    );
    expect(await webhook()).not.toBeNull();
    await helm("upgrade", "locum", deploy("helm/locum"), "-f", file("two.yaml"));
    expect(await webhook()).toBeNull();
    await helm("rollback", "locum", "1");
    expect(await webhook()).not.toBeNull();
    await helm("uninstall", "locum", "--wait");
    expect(await labelledObjects(cluster)).toEqual([]);
  }, 180_000);
});

function objectsOf(text: string): Manifest[] {
  const read = readStream(text);
  if ("problem" in read) throw new Error(read.problem.message);
  return read.values.filter((value) => value !== null) as Manifest[];
}

const byName = (objects: readonly Manifest[]): Record<string, Manifest> =>
  Object.fromEntries(
    objects.map((object) => [
      `${object.kind}/${object.metadata.namespace ?? ""}/${object.metadata.name}`,
      object,
    ]),
  );
