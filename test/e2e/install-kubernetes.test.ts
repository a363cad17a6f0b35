import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { labelledObjects, persistentVolume } from "../kubernetes/installed-objects.ts";
import { mayIn } from "../kubernetes/rights.ts";
import { asks, hasSidecar, phaseOf, someDeployment, somePod } from "../kubernetes/some-workload.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";

const missing = kubernetesMissing();
const given = {
  inject: { kubeletMin: "1.36" },
  collector: { namespaces: [{ name: "models", promotion: true }, { name: "batch" }] },
};

/** Tests of one cluster, in the order of its life: installed, changed over, taken out, and once more by Helm. */
describe.skipIf(missing)(`locum install (${missing ?? "real API server"})`, () => {
  let cluster: Cluster;
  let locum: LocumCommand;
  let dir: string;
  const act = (verb: string, ...more: string[]) =>
    locum.done(verb, "--kubeconfig", cluster.kubeconfig, ...more);
  const kubectl = (args: readonly string[], input?: object) =>
    cluster.run("kubectl", args, input === undefined ? undefined : JSON.stringify(input));
  const file = (name: string) => join(dir, name);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-install-"));
    locum = locumCommand({ dir });
    cluster = await startKubernetes();
    const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };
    for (const [name, labels] of [
      ["models", restricted],
      ["batch", { "locum.dev/injection": "enabled" }],
    ] as const)
      await cluster.client.create(resources.namespaces, {}, { metadata: { name, labels } });
    await kubectl(["create", "-f", "-"], persistentVolume);
    await writeFile(file("values.yaml"), JSON.stringify(given));
    // The controllers make it a moment after the namespace; no pod is taken before.
    for (const namespace of ["models", "batch"])
      await vi.waitFor(async () => {
        const account = await cluster.client.get(resources.serviceAccounts, { namespace, name: "default" });
        if (!account) throw new Error(`${namespace} has no account yet`);
      });
  }, 900_000);
  afterAll(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  test("with the webhook: ready, told, and again nothing to do", async () => {
    const { stdout } = await act("install", "--values", file("values.yaml"));
    expect(stdout).toMatch(/deployment\/locum-system\/locum-injector +2\/2/);
    expect(stdout).toMatch(/statefulset\/locum-system\/locum-collector +1\/1/);
    const again = await act("upgrade", "--values", file("values.yaml"), "--plan");
    expect(again.stdout).toMatch(/^0 to change, \d+ as they should be$/m);
  }, 240_000);

  test("where no namespace is named, the collector's authority goes to each that asks for sidecars", async () => {
    // Under another name, so that nothing of the installation that follows is touched.
    await writeFile(
      file("all.yaml"),
      JSON.stringify({ ...given, collector: { caConfigMap: "locum-ca-all" } }),
    );
    await act("install", "--values", file("all.yaml"));
    const { items } = await cluster.client.list(
      { group: "", version: "v1", plural: "configmaps" },
      {},
      { labelSelector: "locum.dev/install=locum" },
    );
    const found = items.filter(({ metadata }) => metadata.name === "locum-ca-all");
    expect(found).toMatchObject([
      { metadata: { namespace: "batch" }, data: { "ca.crt": expect.stringContaining("BEGIN CERTIFICATE") } },
    ]);
    await act("install", "--values", file("values.yaml"));
  }, 240_000);

  test("rights: each part may what it must, and not more", async () => {
    const injector = await mayIn(cluster, { namespace: "locum-system", name: "locum-injector" });
    const collector = await mayIn(cluster, { namespace: "locum-system", name: "locum-collector" });
    const sidecar = await mayIn(cluster, { namespace: "models", name: "default" });
    const registrations = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
    const must = {
      injector: [
        "get locum-system secrets/locum-injector-tls",
        "update locum-system secrets/locum-injector-tls",
        "create locum-system secrets",
        `get - ${registrations}/locum-injector`,
        `patch - ${registrations}/locum-injector`,
      ],
      collector: [
        "create - tokenreviews.authentication.k8s.io",
        "list models pods",
        "watch batch pods",
        "patch models pods",
        "create models events.events.k8s.io",
      ],
      sidecar: [],
    };
    const never = {
      injector: [
        "get locum-system secrets/locum-collector-tls",
        "list locum-system secrets",
        "get models secrets/any",
        "list models pods",
        `patch - ${registrations}/another`,
        `create - ${registrations}`,
        `delete - ${registrations}/locum-injector`,
      ],
      collector: [
        "patch batch pods",
        "delete models pods",
        "create models pods",
        "create models pods/eviction",
        "list default pods",
        "get models secrets/any",
        "get locum-system secrets/locum-collector-tls",
        `get - ${registrations}/locum-injector`,
      ],
      sidecar: [
        "get models pods",
        "list models pods",
        "get models secrets/any",
        "create models events.events.k8s.io",
      ],
    };
    const ask = { injector, collector, sidecar };
    for (const part of ["injector", "collector", "sidecar"] as const) {
      expect(await allOf(must[part], ask[part]), `${part} must`).toEqual(must[part]);
      expect(await allOf(never[part], ask[part]), `${part} must not`).toEqual([]);
    }
  }, 60_000);

  test("a dead injector holds back pods that ask, and no others", async () => {
    // The simulated kubelets run no process: the webhook is registered, and nobody answers.
    const outcome = (pod: object) =>
      cluster.client.create(resources.pods, { namespace: "models" }, pod).then(
        () => "created",
        (error: Error) => error.message,
      );
    expect(await outcome(somePod("asks", { labels: asks }))).toMatch(/webhook|failed calling/);
    expect(await outcome(somePod("asks-not"))).toBe("created");
  }, 60_000);

  test("changed over to the policy: planned, then no injector is left", async () => {
    const plan = await act("upgrade", "--values", file("values.yaml"), "--admission", "policy", "--plan");
    expect(plan.stdout).toMatch(/^remove +deployment\/locum-system\/locum-injector$/m);
    expect(plan.stdout).toMatch(/^create +mutatingadmissionpolicy\/locum-inject$/m);
    await act("install", "--values", file("values.yaml"), "--admission", "policy");
    const left = await labelledObjects(cluster);
    expect(left.filter((name) => /injector|webhook/.test(name))).toEqual([]);
    const pod = somePod("probe", { labels: asks });
    await expect
      .poll(() => dryRun("models", pod).then(hasSidecar, () => false), { timeout: 30_000 })
      .toBe(true);
  }, 240_000);

  const dryRun = (namespace: string, pod: object): Promise<KubeObject> =>
    cluster.client.create(resources.pods, { namespace }, pod, { dryRun: true });
  const refusal = (namespace: string, pod: object): Promise<string> =>
    dryRun(namespace, pod).then(
      () => "",
      (error: Error) => error.message,
    );

  test("policy: a Deployment in a restricted namespace runs with sidecars; so do pods of a labelled one", async () => {
    await cluster.client.create(
      resources.deployments,
      { namespace: "models" },
      someDeployment("chat", { template: asks }),
    );
    await expect
      .poll(async () => (await podsIn("models", "app=chat")).map((pod) => [hasSidecar(pod), phaseOf(pod)]), {
        timeout: 30_000,
      })
      .toEqual([
        [true, "Running"],
        [true, "Running"],
      ]);
    const [pod] = await podsIn("models", "app=chat");
    expect(JSON.stringify(pod?.spec)).toContain('\\"service\\":\\"chat\\"');
    expect(hasSidecar(await dryRun("batch", somePod("by-namespace")))).toBe(true);
    expect(
      hasSidecar(await dryRun("batch", somePod("not", { labels: { "locum.dev/inject": "disabled" } }))),
    ).toBe(false);
    expect(hasSidecar(await dryRun("models", somePod("plain")))).toBe(false);
  }, 60_000);

  test("diff --live: the pods that run are what the file would be, and one of other keys is not", async () => {
    const chat = someDeployment("chat", { template: asks });
    const look = async (object: typeof chat) => {
      const named = { ...object, metadata: { ...object.metadata, namespace: "models" } };
      await writeFile(file("chat.json"), JSON.stringify(named));
      const args = ["-f", file("chat.json"), "--live", "--values", file("values.yaml")];
      return locum.run("diff", "--kubeconfig", cluster.kubeconfig, ...args);
    };
    expect(await look(chat)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/models\/deployment\/chat +as-injected +its pods \(2\)/),
    });
    const { template } = chat.spec;
    const metadata = { ...template.metadata, annotations: { "locum.dev/memory-limit": "1Gi" } };
    const other = { ...chat, spec: { ...chat.spec, template: { ...template, metadata } } };
    expect(await look(other)).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^\+ +memory: 1Gi$/m),
    });
  }, 60_000);

  const podsIn = async (namespace: string, labelSelector: string): Promise<KubeObject[]> =>
    (await cluster.client.list(resources.pods, { namespace }, { labelSelector })).items;

  test.each([
    ["an unknown key", { "locum.dev/postur": "watch" }, /unknown_key/],
    [
      "a bad value",
      { "locum.dev/port": "70000" },
      /bad_value: annotation locum.dev\/port: expected 1 to 65535/,
    ],
    ["two keys at odds", { "locum.dev/class": "exclusive" }, /bad_value: annotation locum.dev\/posture/],
    ["the label as an annotation", { "locum.dev/inject": "enabled" }, /wrong_level_label/],
    ["a posture that no sidecar can keep", { "locum.dev/posture": "guard" }, /guard_unavailable/],
    ["what the policy does not cover", { "locum.dev/posture": "tap" }, /not_injected/],
  ])("guard: %s is refused, with the reason", async (_, annotations, reason) => {
    expect(await refusal("models", somePod("bad", { labels: asks, annotations }))).toMatch(reason);
  });

  test("guard: a pod that can have no sidecar is refused; a label on the workload is warned of", async () => {
    const host = somePod("host", { labels: asks });
    expect(await refusal("default", { ...host, spec: { ...host.spec, hostNetwork: true } })).toMatch(
      /host_network/,
    );
    expect(await refusal("models", somePod("word", { labels: { "locum.dev/inject": "yes" } }))).toMatch(
      /bad_value/,
    );
    const wrong = someDeployment("wrong", { workload: asks });
    expect(await kubectl(["create", "--dry-run=server", "-n", "models", "-f", "-"], wrong)).toMatch(
      /Warning: .*wrong_level_label/,
    );
    const right = someDeployment("right", { workload: asks, template: asks });
    expect(await kubectl(["create", "--dry-run=server", "-n", "models", "-f", "-"], right)).not.toContain(
      "Warning",
    );
  }, 60_000);

  test("guard: warn lets the pod in and tells", async () => {
    await writeFile(file("warn.yaml"), JSON.stringify({ ...given, guard: "warn" }));
    await act("install", "--values", file("warn.yaml"), "--admission", "policy");
    const tap = somePod("tap", { labels: asks, annotations: { "locum.dev/posture": "tap" } });
    await expect
      .poll(() => kubectl(["create", "--dry-run=server", "-n", "models", "-f", "-"], tap).catch(String), {
        timeout: 30_000,
      })
      .toMatch(/Warning: .*not_injected.*locum\.dev\/posture/);
    // Keys that would be misread are refused all the same.
    expect(
      await refusal("models", somePod("bad", { labels: asks, annotations: { "locum.dev/x": "1" } })),
    ).toMatch(/unknown_key/);
  }, 240_000);

  test("taken out: nothing of it is left, pods run on, the audit log stays until it is purged", async () => {
    const first = await act("uninstall");
    expect(first.stdout).toMatch(/2 pod\(s\) keep their sidecar/);
    expect(first.stderr).toMatch(/kept persistentvolumeclaim\/locum-system\/data-locum-collector-0/);
    expect(await labelledObjects(cluster)).toEqual(["namespace/locum-system"]);
    expect((await podsIn("models", "app=chat")).map(phaseOf)).toEqual(["Running", "Running"]);
    // The API server forgets a policy a moment after it is gone.
    await expect
      .poll(async () => hasSidecar(await dryRun("models", somePod("after", { labels: asks }))), {
        timeout: 10_000,
      })
      .toBe(false);
    await act("uninstall", "--purge");
    await expect
      .poll(() => cluster.client.get(resources.namespaces, { name: "locum-system" }), { timeout: 60_000 })
      .toBeNull();
    expect(await labelledObjects(cluster)).toEqual([]);
  }, 180_000);
});

async function allOf(lines: readonly string[], may: (line: string) => Promise<boolean>): Promise<string[]> {
  const answers = await Promise.all(lines.map(may));
  return lines.filter((_, index) => answers[index]);
}
