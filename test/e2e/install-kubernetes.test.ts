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
import { type KubeObject, resources } from "@locum/runtime/kubernetes";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { labelledObjects, persistentVolume } from "../kubernetes/installed-objects.ts";
import { mayIn } from "../kubernetes/rights.ts";
import { type Cluster, kubernetesMissing, startKubernetes } from "../kubernetes/start-kubernetes.ts";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";

type Obj = Record<string, unknown>;
const missing = kubernetesMissing();
const deploy = (path: string) => fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url));
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
      .toMatch(/Warning: .*not_injected/);
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
    expect(hasSidecar(await dryRun("models", somePod("after", { labels: asks })))).toBe(false);
    await act("uninstall", "--purge");
    await expect
      .poll(() => cluster.client.get(resources.namespaces, { name: "locum-system" }), { timeout: 60_000 })
      .toBeNull();
    expect(await labelledObjects(cluster)).toEqual([]);
  }, 180_000);

  const charts: [string, InstallValues][] = [
    ["default", installValues()],
    ["policy", installValues({ ...given, admission: "policy" })],
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
    const base = await kubectl(["kustomize", deploy("kustomize/base")]);
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

const asks = { "locum.dev/inject": "enabled" };

/** As a restricted namespace wants it. */
const podSpec = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "server",
      image: "nvcr.io/nvidia/tritonserver:24.08-py3",
      args: ["tritonserver", "--model-repository=/models"],
      ports: [{ name: "http", containerPort: 8000 }],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      volumeMounts: [{ name: "models", mountPath: "/models" }],
    },
  ],
  volumes: [{ name: "models", emptyDir: {} }],
};

const somePod = (name: string, meta: Obj = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...meta },
  spec: podSpec,
});

const someDeployment = (
  name: string,
  { workload = {}, template = {} }: { workload?: Obj; template?: Obj },
) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, labels: { app: name, ...workload } },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name, ...template } }, spec: podSpec },
  },
});

const hasSidecar = ({ spec }: KubeObject): boolean => JSON.stringify(spec).includes('"name":"locum-sidecar"');
const phaseOf = ({ status }: KubeObject): unknown => (status as { phase?: string } | undefined)?.phase;

async function allOf(lines: readonly string[], may: (line: string) => Promise<boolean>): Promise<string[]> {
  const answers = await Promise.all(lines.map(may));
  return lines.filter((_, index) => answers[index]);
}

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
