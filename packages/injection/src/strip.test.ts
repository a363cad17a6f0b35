import fc from "fast-check";
import { expect, test } from "vitest";
import { injectConfig } from "./config.ts";
import { inject } from "./inject.ts";
import type { Meta, PodSpec } from "./pod.ts";
import { strip } from "./strip.ts";

const original: PodSpec = {
  containers: [
    {
      name: "server",
      image: "tritonserver",
      ports: [{ name: "http", containerPort: 8000 }],
      readinessProbe: { httpGet: { path: "/v2/health/ready", port: "http" } },
    },
  ],
};
const meta: Meta = {
  name: "m",
  labels: { "locum.dev/inject": "enabled" },
  annotations: { "locum.dev/posture": "tap" },
};
const config = injectConfig({ kubeletMin: "1.34" });

/** What an earlier version wrote: other names, another key, fields that this version does not know. */
const earlier = {
  pod: {
    initContainers: [{ name: "locum-agent", image: "locum/agent:0.0.9", restartPolicy: "Always" }],
    containers: [
      {
        name: "server",
        image: "tritonserver",
        ports: [{ name: "app-http", containerPort: 8000 }],
        readinessProbe: { httpGet: { path: "/readyz", port: 9001 } },
      },
    ],
    volumes: [{ name: "locum-spool", emptyDir: {} }],
  },
  meta: {
    ...meta,
    labels: { ...meta.labels, "locum.dev/role": "active" },
    annotations: {
      ...meta.annotations,
      "locum.dev/agent-config": "x",
      "locum.dev/status": JSON.stringify({
        v: 1,
        version: "0.0.9",
        spec: "cafe",
        since: "2025",
        added: {
          containers: ["locum-agent"],
          volumes: ["locum-spool"],
          annotations: ["locum.dev/agent-config"],
          labels: ["locum.dev/role"],
          sockets: ["x"],
        },
        originals: [
          { path: ["containers", "server", "ports", 8000, "name"], was: "http" },
          { path: ["containers", "server", "readinessProbe"], was: original.containers?.[0]?.readinessProbe },
        ],
        made: { initContainers: "absent", volumes: "absent" },
      }),
    },
  },
};

test("what an earlier version put in is taken out, whatever it called it", () => {
  const { pod, meta: bare } = strip(earlier.pod, earlier.meta);
  expect(pod).toEqual(original);
  expect(bare).toEqual(meta);
});

test("an upgrade is the injection of the original", () => {
  expect(inject({ ...earlier, config })).toEqual(inject({ pod: original, meta, config }));
});

test("without a status our names go, and it is told that originals are lost", () => {
  const made = inject({ pod: original, meta, config });
  if (made.kind === "declined") throw new Error(made.detail);
  const { "locum.dev/status": _status, ...annotations } = made.meta.annotations ?? {};
  const bare = strip(made.pod, { ...made.meta, annotations });
  expect(JSON.stringify(bare.pod)).not.toContain("locum-sidecar");
  expect(bare.notes).toMatchObject([{ code: "status_unreadable" }]);
});

test("what others put into a list since stays", () => {
  const made = inject({ pod: original, meta, config });
  if (made.kind === "declined") throw new Error(made.detail);
  made.pod.volumes = [...(made.pod.volumes ?? []), { name: "theirs" }];
  expect(strip(made.pod, made.meta).pod.volumes).toEqual([{ name: "theirs" }]);
});

test("property: a status from anybody takes out nothing that is not ours, and never throws", () => {
  const path = fc.array(
    fc.oneof(
      fc.constantFrom("containers", "server", "ports", "__proto__", "constructor", "image"),
      fc.constantFrom("args", "command", "env", "TOKEN", "value"),
      fc.nat({ max: 3 }),
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  const status = fc.record({
    v: fc.constant(1),
    version: fc.string({ maxLength: 20 }),
    spec: fc.string({ maxLength: 20 }),
    added: fc.record({
      containers: fc.constant(["server"]),
      volumes: fc.constant(["models"]),
      annotations: fc.constant(["theirs"]),
    }),
    originals: fc.array(
      fc.record(
        { path, was: fc.jsonValue(), now: fc.constantFrom("serve", "--secret=x", "abc", "") },
        { requiredKeys: ["path"] },
      ),
      { maxLength: 5 },
    ),
  });
  fc.assert(
    fc.property(
      fc.oneof(
        status.map((one) => JSON.stringify(one)),
        fc.string(),
        fc.json(),
      ),
      (text) => {
        const texts = { args: ["serve", "--secret=x"], env: [{ name: "TOKEN", value: "abc" }] };
        const [server] = original.containers ?? [];
        const pod = {
          ...original,
          containers: [{ ...server, name: "server", ...texts }],
          volumes: [{ name: "models" }],
        };
        const bare = strip(pod, { annotations: { theirs: "1", "locum.dev/status": text } });
        expect(bare.pod.containers?.[0]).toMatchObject({
          name: "server",
          image: "tritonserver",
          ...texts,
        });
        expect(bare.pod.volumes).toEqual([{ name: "models" }]);
        expect(bare.meta.annotations?.theirs).toBe("1");
        expect(({} as Record<string, unknown>).name).toBeUndefined();
      },
    ),
  );
});
