import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { injectConfig } from "./config.ts";
import { injectText, uninjectText } from "./inject-text.ts";

const config = injectConfig({ kubeletMin: "1.34" });
const podOf = (labels: string, spec: string) => `kind: Pod
apiVersion: v1
metadata:
  name: m
  labels: ${labels}
  annotations: {locum.dev/posture: tap, locum.dev/class: exclusive, locum.dev/rewrite-probes: all}
spec:
${spec}`;
const server = `  containers:
  - name: server
    image: tritonserver
    ports: [{name: http, containerPort: 8000}]
`;
type Read = { spec: Record<string, never>; metadata: { labels: object }; x: unknown };

const cases: [what: string, text: string, holds: (doc: Read) => void][] = [
  [
    "labels that are used again elsewhere: the other place keeps the old ones",
    `${podOf("&l {locum.dev/inject: enabled}", server)}x: {selector: *l}\n`,
    ({ metadata, x }) => {
      expect(metadata.labels).toHaveProperty(["locum.dev/role"], "standby");
      expect(x).toEqual({ selector: { "locum.dev/inject": "enabled" } });
    },
  ],
  [
    "one probe by name in two places",
    podOf(
      "{locum.dev/inject: enabled}",
      `${server}    readinessProbe: &p\n      tcpSocket: {port: http}\n    livenessProbe: *p\n`,
    ),
    ({ spec }) => {
      const [container] = spec.containers as unknown as Record<string, { httpGet: { path: string } }>[];
      expect(container?.readinessProbe?.httpGet.path).toBe("/probe/readiness");
      expect(container?.livenessProbe?.httpGet.path).toBe("/probe/liveness");
    },
  ],
  [
    "an anchor inside a probe that is written anew",
    podOf(
      "{locum.dev/inject: enabled}",
      `${server}    readinessProbe:\n      tcpSocket: &s {port: http}\n    startupProbe:\n      tcpSocket: *s\n`,
    ),
    ({ spec }) => {
      const [container] = spec.containers as unknown as Record<string, object>[];
      expect(container?.startupProbe).toEqual({ tcpSocket: { port: 8000 } });
    },
  ],
  [
    "a container that is merged from another place",
    podOf(
      "{locum.dev/inject: enabled}",
      `  x-base: &base\n    image: tritonserver\n    ports: [{name: http, containerPort: 8000}]\n    readinessProbe: {tcpSocket: {port: http}}\n  containers:\n  - <<: *base\n    name: server\n`,
    ),
    ({ spec }) => {
      const [container] = spec.containers as unknown as Record<string, unknown>[];
      expect(container?.ports).toEqual([{ name: "locum-app", containerPort: 8000 }]);
      expect(spec["x-base"]).toMatchObject({ ports: [{ name: "http" }] });
    },
  ],
  [
    "a whole container by name",
    `x: &c {name: server, image: tritonserver, ports: [{name: http, containerPort: 8000}]}\n${podOf("{locum.dev/inject: enabled}", "  containers: [*c]\n")}`,
    ({ spec, x }) => {
      const [container] = spec.containers as unknown as Record<string, unknown>[];
      expect(container?.ports).toEqual([{ name: "locum-app", containerPort: 8000 }]);
      expect(x).toMatchObject({ ports: [{ name: "http" }] });
    },
  ],
  [
    "a list of volumes by name",
    podOf(
      "{locum.dev/inject: enabled}",
      `  x-volumes: &v [{name: a, emptyDir: {}}]\n  volumes: *v\n${server}`,
    ),
    ({ spec }) => {
      expect(spec.volumes).toMatchObject([{ name: "a" }, { name: "locum-state" }, {}]);
      expect(spec["x-volumes"]).toHaveLength(1);
    },
  ],
  [
    "tags, keys in quotes, a key with a question mark",
    podOf(
      "!!map {!!str locum.dev/inject: !!str enabled}",
      `  ? containers\n  :\n  - {"name": 'server', !!str image: tritonserver, "ports": !!seq [{name: http, containerPort: !!int 8000}]}\n`,
    ),
    ({ spec }) => expect(spec.initContainers).toMatchObject([{ name: "locum-sidecar" }]),
  ],
];

test.each(cases)("%s", (_what, text, holds) => {
  const result = injectText(text, config);
  if (result.kind === "broken") throw new Error(result.problem.message);
  expect(result.outcomes).toMatchObject([{ outcome: "injected" }]);
  holds(parseAllDocuments(result.text, { merge: true })[0]?.toJS() as Read);
  expect(injectText(result.text, config)).toMatchObject({ text: result.text });
  expect(uninjectText(result.text)).toEqual({ kind: "done", text, exact: true });
});

test("documents of one stream can be moved apart after they were injected", () => {
  const one = podOf("{locum.dev/inject: enabled}", server);
  const result = injectText(`${one}---\n${one.replace("name: m", "name: n")}`, config);
  if (result.kind === "broken") throw new Error(result.problem.message);
  const [first = "", second = ""] = result.text.split("---\n");
  expect(uninjectText(`# moved\n${second}---\nkind: ConfigMap\n---\n${first}`)).toEqual({
    kind: "done",
    text: `# moved\n${one.replace("name: m", "name: n")}---\nkind: ConfigMap\n---\n${one}`,
    exact: true,
  });
});
