import {
  type Emitter,
  emitterRows,
  injectConfig,
  injectText,
  injectUnit,
  installValues,
  patchPod,
  renderInstall,
} from "@locum/injection";
import { expect, test } from "vitest";

const config = injectConfig({ kubeletMin: "1.36" });
type Pod = { metadata: object; spec: object };
const podOf = ({
  keys = {},
  container = {},
  labels = { "locum.dev/inject": "enabled" },
}: {
  keys?: Record<string, string>;
  container?: object;
  labels?: object;
} = {}): Pod => ({
  metadata: {
    name: "m",
    labels,
    annotations: Object.fromEntries(Object.entries(keys).map(([key, text]) => [`locum.dev/${key}`, text])),
  },
  spec: {
    containers: [
      {
        name: "server",
        image: "nvcr.io/nvidia/tritonserver:24.08-py3",
        args: ["tritonserver", "--model-repository=/models"],
        ports: [{ name: "http", containerPort: 8000 }],
        ...container,
      },
    ],
  },
});

const byText = (object: object): boolean => {
  const result = injectText(JSON.stringify({ apiVersion: "v1", kind: "Pod", ...object }), config);
  return result.kind === "done" && result.outcomes.some(({ outcome }) => outcome === "injected");
};
const byWebhook = (pod: Pod, options = config): boolean =>
  patchPod(pod, { config: options }).kind === "patch";
const text = (documents: object[]): boolean =>
  documents.length > 0 &&
  [injectText(documents.map((one) => JSON.stringify(one)).join("\n---\n"), config)].every(
    (result) => result.kind === "done" && result.outcomes.every(({ outcome }) => outcome === "injected"),
  );

/** A pod that stands for the row, as the text and the webhook see it. */
const examples: Partial<Record<keyof typeof emitterRows, Pod>> = {
  watch: podOf(),
  tap: podOf({ keys: { posture: "tap" } }),
  probes: podOf({ keys: { "rewrite-probes": "all" } }),
  source: podOf({ keys: { "on-source-failure": "use-snapshot", "snapshot-volume": "pvc:spares" } }),
  server: podOf({ container: { image: "own:1", args: ["serve"] } }),
  long: podOf({ container: { args: ["tritonserver", "x".repeat(9000)] } }),
  letters: podOf({ container: { args: ["tritonserver", "--id=ü"] } }),
  references: podOf({ container: { args: ["tritonserver", "--id=$(NAME)"] } }),
};
const seen = (row: keyof typeof emitterRows, emitter: Emitter): boolean =>
  (emitterRows[row].by as readonly Emitter[]).includes(emitter);

test.each(Object.entries(examples))("%s: by the text and by the webhook, as the table says", (row, pod) => {
  const name = row as keyof typeof emitterRows;
  expect(byText(pod)).toBe(seen(name, "text"));
  expect(byWebhook(pod)).toBe(seen(name, "webhook"));
});

test("what text and webhook differ in, as the table says", () => {
  const unlabelled = podOf({ labels: {} });
  const isvc = {
    apiVersion: "serving.kserve.io/v1beta1",
    kind: "InferenceService",
    metadata: { name: "iris", labels: { "locum.dev/inject": "enabled" } },
    spec: { predictor: { model: { modelFormat: { name: "sklearn" } } } },
  };
  const old = patchPod(podOf(), { config: injectConfig({ version: "0.0.1" }) });
  const launched = podOf({
    keys: { posture: "tap" },
    labels: { app: "x", "locum.dev/inject": "enabled" },
    container: { args: ["mpirun", "tritonserver"], ports: [{ containerPort: 8000 }] },
  });
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "x" },
    spec: { selector: { app: "x" }, ports: [{ port: 80, targetPort: 8000 }] },
  };
  const compose = {
    services: { m: { image: "tritonserver", ports: ["8000:8000"], labels: ["locum.dev/inject=enabled"] } },
  };
  const unit = "[Service]\nExecStart=tritonserver\n[X-Locum]\nInject=enabled\n";
  const machine = { program: "/usr/local/bin/locum", tokenFile: "/var/lib/locum/tokens.json" };
  const found: Partial<Record<keyof typeof emitterRows, Partial<Record<Emitter, boolean>>>> = {
    again: { text: old.kind === "patch", webhook: old.kind === "patch" },
    namespace: {
      text: byText(unlabelled),
      webhook: byWebhook(unlabelled, injectConfig({ namespaceInject: true })),
    },
    rendered: { text: text([isvc]), webhook: byWebhook(podOf({ container: { name: "kserve-container" } })) },
    service: {
      text: text([{ apiVersion: "v1", kind: "Pod", ...launched }, service]),
      webhook: byWebhook(launched),
    },
    compose: { text: text([compose]) },
    unit: { text: injectUnit(unit, { name: "m.service", config, machine }).kind === "injected" },
  };
  for (const [row, by] of Object.entries(found))
    for (const [emitter, injects] of Object.entries(by))
      expect(seen(row as keyof typeof emitterRows, emitter as Emitter), `${row} ${emitter}`).toBe(injects);
  expect(Object.keys({ ...examples, ...found }).sort()).toEqual(Object.keys(emitterRows).sort());
});

test("the guard names the key by which a pod is beyond the policy", () => {
  const manifests = renderInstall(installValues({ admission: "policy", inject: { kubeletMin: "1.36" } }));
  const guard = JSON.stringify(manifests.find(({ metadata }) => metadata.name === "locum-sidecar"));
  for (const key of ["posture", "rewrite-probes", "on-source-failure"])
    expect(guard).toContain(`does not cover locum.dev/${key} other than`);
});
