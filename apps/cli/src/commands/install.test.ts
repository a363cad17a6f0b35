import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installValues, renderInstall } from "@locum/injection";
import type { Kubernetes } from "@locum/runtime/kubernetes";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { withKubelets } from "../install/read-install-values.ts";
import { openDesk } from "../testing/run-cli.ts";

test("-o prints what would be applied, and asks no cluster", async () => {
  await using desk = await openDesk();
  await writeFile(join(desk.dir, "v.yaml"), "namespace: dr\ncollector: {enabled: false}\n");
  const wanted = renderInstall(installValues({ namespace: "dr", collector: { enabled: false } }));
  const yaml = await desk.run("install", "--values", "v.yaml", "-o", "yaml");
  expect(yaml.code).toBe(0);
  expect(parseAllDocuments(yaml.stdout).map((document) => document.toJS())).toEqual(wanted);
  const helm = await desk.run("install", "--values", "v.yaml", "-o", "helm");
  expect(parse(helm.stdout)).toEqual({ objects: wanted.filter(({ kind }) => kind !== "Namespace") });
});

test.each([
  [["install", "-o", "toml"], "expected yaml or helm"],
  [["install", "--admission", "magic"], "admission"],
  [["install", "--values", "none.yaml"], "none.yaml"],
  [["install", "--kubeconfig", "none"], "cannot be read"],
  [["install"], "there is no"],
  [["upgrade", "--plan"], "there is no"],
  [["uninstall"], "there is no"],
])("%j: what is wrong is told, and exit is not 0", async (argv, told) => {
  await using desk = await openDesk();
  const { code, stderr } = await desk.run(...argv);
  expect(code).not.toBe(0);
  expect(stderr).toContain(told);
});

test("locum inject takes the values of an installation as well", async () => {
  await using desk = await openDesk({
    stdin: JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "m", labels: { "locum.dev/inject": "enabled" } },
      spec: { containers: [{ name: "s", image: "ollama/ollama" }] },
    }),
  });
  await writeFile(join(desk.dir, "v.yaml"), "namespace: dr\nimages: {sidecar: r/s@sha256:1}\n");
  const { stdout } = await desk.run("inject", "-f", "-", "--values", "v.yaml", "-o", "json");
  expect(stdout).toContain("r/s@sha256:1");
  expect(stdout).toContain("https://locum-collector.dr.svc:8470");
});

const nodes = (...versions: (string | undefined)[]): Kubernetes =>
  ({
    list: async () => ({
      items: versions.map((kubeletVersion) => ({
        metadata: { name: "n" },
        status: { nodeInfo: { kubeletVersion } },
      })),
      resourceVersion: "1",
    }),
  }) as unknown as Kubernetes;

test.each([
  [["v1.34.2", "v1.33.0-gke.1200"], undefined, "1.33"],
  [["v1.34.2", "v1.29.1+k3s1"], undefined, "1.29"],
  [["v1.34.2", "unknown"], undefined, undefined],
  [[], undefined, undefined],
  [["v1.29.0"], "1.36", "1.36"],
])("kubelets %j, given %s: the oldest is %s", async (versions, kubeletMin, oldest) => {
  const values = installValues(kubeletMin ? { inject: { kubeletMin } } : {});
  expect((await withKubelets(values, nodes(...versions))).inject.kubeletMin).toBe(oldest);
});
