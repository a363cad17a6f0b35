import { describe, expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { inject } from "./inject.ts";
import type { Container, PodSpec } from "./pod.ts";

const config = injectConfig({ kubeletMin: "1.34" });
type Part = Record<string, unknown>;
const server = (more: Part = {}): Container => ({
  name: "server",
  image: "nvcr.io/nvidia/tritonserver:24.08-py3",
  args: ["tritonserver", "--model-repository=/models"],
  ports: [{ name: "http", containerPort: 8000 }],
  ...more,
});
const pod = (more: Part = {}): PodSpec => ({ containers: [server()], ...more });
const metaOf = (annotations: Record<string, string>) => ({
  name: "m-0",
  labels: { "locum.dev/inject": "enabled" },
  annotations: Object.fromEntries(
    Object.entries(annotations).map(([key, text]) => [`locum.dev/${key}`, text]),
  ),
});
function injected(spec: PodSpec, meta: object) {
  const result = inject({ pod: spec, meta, config });
  if (result.kind === "declined") throw new Error(`${result.reason}: ${result.detail}`);
  const sidecar = result.pod.initContainers?.find(({ name }) => name === "locum-sidecar");
  const env = Object.fromEntries((sidecar?.env ?? []).map(({ name, value }) => [name, value]));
  return { ...result, sidecar, env };
}
const names = (list: Container[] | undefined) => (list ?? []).map(({ name }) => name);

describe("a start while the model's source is away", () => {
  const keys = { "on-source-failure": "use-snapshot", "snapshot-volume": "pvc:spares" };
  const spec = (more: Part = {}) =>
    pod({
      containers: [server({ volumeMounts: [{ name: "m", mountPath: "/models" }] })],
      volumes: [{ name: "m", emptyDir: {} }],
      ...more,
    });
  test("the sidecar is told where copies are kept, and may take its time before the others start", () => {
    const {
      env,
      sidecar,
      notes,
      pod: made,
    } = injected(spec({ initContainers: [{ name: "other" }] }), metaOf({ ...keys, group: "g" }));
    expect(JSON.parse(env.LOCUM_SERVICE ?? "").snapshot).toEqual({
      keepDisplaced: 2,
      spareDir: "/var/lib/locum-snapshots/g",
      onSourceFailure: "use-snapshot",
      schedule: "*/15 * * * *",
    });
    expect(sidecar?.startupProbe).toMatchObject({ periodSeconds: 1, failureThreshold: 3600 });
    expect(names(made.initContainers)).toEqual(["locum-sidecar", "other"]);
    expect(notes).toEqual([]);
  });
  test.each([
    [
      "an init container that fetches",
      spec({ initContainers: [{ name: "fetch", volumeMounts: [{ name: "m", mountPath: "/x" }] }] }),
      /init container fetch/,
    ],
    ["a folder that is in the image", pod(), /no model folder/],
    [
      "a server that fetches by itself",
      pod({
        containers: [
          server({
            image: "vllm/vllm-openai:v1",
            args: ["--model", "org/m"],
            volumeMounts: [{ name: "m", mountPath: "/root/.cache/huggingface" }],
          }),
        ],
        volumes: [{ name: "m", emptyDir: {} }],
      }),
      /HF_HUB_OFFLINE/,
    ],
  ])("%s is told", (_what, one, detail) => {
    expect(injected(one, metaOf(keys)).notes).toContainEqual({
      code: "source_still_needed",
      detail: expect.stringMatching(detail),
    });
  });
  test.each(["emptyDir", "ephemeral:fast"])(
    "a volume that ends with the pod starts nothing: %s",
    (volume) => {
      const meta = metaOf({ "on-source-failure": "use-snapshot", "snapshot-volume": volume });
      expect(inject({ pod: spec(), meta, config })).toMatchObject({
        reason: "bad_value",
        detail: expect.stringContaining("pvc:NAME"),
      });
    },
  );
  test.each([
    ["*/15 * * * *", "injected"],
    ["0 3,15 1-7 */2 1-5", "injected"],
    ["60 * * * *", "declined"],
    ["* 24 * * *", "declined"],
    ["* * 0 * *", "declined"],
    ["* * * * 8", "declined"],
    ["* * * *", "declined"],
    ["@daily", "declined"],
    ["*/0 * * * *", "declined"],
  ])("the schedule %j is %s", (schedule, kind) => {
    const meta = metaOf({ ...keys, "snapshot-schedule": schedule });
    expect(inject({ pod: spec(), meta, config }).kind).toBe(kind);
  });
});
