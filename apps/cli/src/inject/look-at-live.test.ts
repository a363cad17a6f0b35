import { type InjectConfig, injectConfig, injectWorkload, podOf, wantPod } from "@locum/injection";
import type { KubeObject, Resource } from "@locum/runtime/kubernetes";
import { expect, test } from "vitest";
import { lookAtLive } from "./look-at-live.ts";

type Obj = Record<string, unknown>;
const config = injectConfig({ kubeletMin: "1.34", collector: { url: "https://c.locum" } });
const deployment = (keys: Record<string, string> = {}, more: Obj = {}): Obj => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "xray", namespace: "models" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "xray" } },
    template: {
      metadata: {
        labels: { app: "xray", "locum.dev/inject": "enabled" },
        annotations: Object.fromEntries(
          Object.entries(keys).map(([key, text]) => [`locum.dev/${key}`, text]),
        ),
      },
      spec: {
        containers: [
          {
            name: "server",
            image: "nvcr.io/nvidia/tritonserver:24.08-py3",
            args: ["tritonserver"],
            ports: [{ name: "http", containerPort: 8000 }],
            ...more,
          },
        ],
      },
    },
  },
});
function injected(object: Obj, by: InjectConfig = config): Obj {
  const result = injectWorkload(object, { config: by });
  if (result.kind === "declined") throw new Error(result.detail);
  return result.object;
}
/** As a webhook makes it of the pod of a Deployment. */
function podFrom(object: Obj): Obj {
  const { metadata, spec } = podOf(object) as { metadata: { labels: object }; spec: object };
  const pod = {
    metadata: {
      ...metadata,
      name: "xray-5d9c-x",
      labels: { ...metadata.labels, "pod-template-hash": "5d9c" },
      ownerReferences: [{ kind: "ReplicaSet", name: "xray-5d9c" }],
    },
    spec,
  };
  const wanted = wantPod(pod, { config });
  if (wanted.kind === "declined") throw new Error(wanted.detail);
  return wanted.after as Obj;
}
/** A field that the API server sets in our container, and another that somebody set elsewhere. */
function seenLive(object: Obj): Obj {
  const text = JSON.stringify(object)
    .replace(
      '"name":"locum-sidecar",',
      '"name":"locum-sidecar","terminationMessagePath":"/dev/termination-log",',
    )
    .replace('"replicas":2', '"replicas":7');
  return JSON.parse(text);
}

function cluster(found: Obj | null, pods: Obj[] = []) {
  const asked: string[] = [];
  return {
    asked,
    access: { server: "https://c", namespace: "other", credentials: async () => ({}) },
    get: async ({ group, plural }: Resource, { namespace, name }: { namespace?: string; name?: string }) => {
      asked.push(`${group}/${plural} ${namespace}/${name}`);
      return found as KubeObject | null;
    },
    list: async () => ({ items: pods as KubeObject[], resourceVersion: "1" }),
  };
}
const look = async (file: Obj, kubernetes: ReturnType<typeof cluster>) =>
  (await lookAtLive([file], { kubernetes: kubernetes as never, config }))[0];

test("as it is injected, whatever the server and others have set beside our parts", async () => {
  const kubernetes = cluster(seenLive(injected(deployment())));
  expect(await look(deployment(), kubernetes)).toEqual({
    object: "models/deployment/xray",
    state: "as-injected",
    where: "the object",
    hunks: [],
  });
  expect(kubernetes.asked).toEqual(["apps/deployments models/xray"]);
});

test("our lines alone, where the live ones are others", async () => {
  const harmed = JSON.parse(
    JSON.stringify(injected(deployment({}, { args: ["tritonserver", "--id=of-live"] }))).replace(
      '"192Mi"',
      '"1Gi"',
    ),
  );
  const seen = await look(deployment(), cluster(harmed));
  expect(seen?.state).toBe("differs");
  const lines = seen?.hunks.flat().filter(({ sign }) => sign !== " ");
  expect(lines?.map(({ sign, text }) => `${sign}${text.trim()}`)).toEqual(["-memory: 1Gi", "+memory: 192Mi"]);
});

test("the file's keys are what counts", async () => {
  const seen = await look(deployment({ posture: "tap" }), cluster(injected(deployment())));
  expect(seen?.state).toBe("differs");
  expect(JSON.stringify(seen?.hunks)).toContain("locum-app");
});

test("where the webhook injects, pods are compared", async () => {
  const live = deployment();
  expect(await look(deployment(), cluster(live, [podFrom(live), podFrom(live)]))).toMatchObject({
    state: "as-injected",
    where: "its pods (2)",
  });
  const missed = podOf(live) as Obj;
  expect(await look(deployment(), cluster(live, [podFrom(live), missed]))).toMatchObject({
    state: "not-injected",
    where: "its pods (2)",
  });
});

test("what is not there, and what asks for nothing", async () => {
  expect(await look(deployment(), cluster(null))).toMatchObject({ state: "absent" });
  expect(await look(deployment(), cluster(deployment()))).toMatchObject({ state: "not-injected" });
  expect(
    await look({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } }, cluster(null)),
  ).toBeUndefined();
});
