import { buildSidecar } from "../build-sidecar.ts";
import type { InjectConfig } from "../config.ts";
import { type Keys, label, readKeys, statusKey } from "../keys.ts";
import { configHash } from "../status.ts";
import { containerName, defaultContainerKey, volumeNames } from "../strip.ts";
import { meshInits, meshSidecars } from "../target.ts";
import { expressionOf, type Hole, intHole, literal, type OptionalPart, optional, textHole } from "./cel.ts";
import { podBindings, podConstraints } from "./guard-policies.ts";
import { annotationsVariable } from "./key-checks.ts";
import { type Manifest, manifest } from "./manifest.ts";
import { notInjected } from "./policy-limits.ts";
import { isNativeVariable, policyVariables, v } from "./policy-variables.ts";
import { type InstallValues, sidecarConfig } from "./values.ts";

const api = "admissionregistration.k8s.io/v1";
export const sidecarPolicyName = "locum-inject";

/**
 * inject() as a MutatingAdmissionPolicy: the API server puts the sidecar in by itself, and no injector, certificate or
 * timeout stands in a pod's way. What it does not cover is in policy-limits.ts: it leaves those pods as they are, and the
 * guard tells. For what it covers the result is that of inject().
 */
export function sidecarPolicies(values: InstallValues): Manifest[] {
  const config = sidecarConfig(values);
  return [
    manifest(
      api,
      "MutatingAdmissionPolicy",
      { name: sidecarPolicyName, component: "admission" },
      {
        spec: {
          failurePolicy: values.failurePolicy,
          reinvocationPolicy: "IfNeeded",
          matchConstraints: podConstraints,
          matchConditions: [
            {
              name: "asks",
              expression: `object.metadata.?labels[?${literal(label)}].orValue("enabled") == "enabled"`,
            },
            { name: "not-injected", expression: notInjected },
          ],
          variables: [annotationsVariable, ...policyVariables(config)],
          mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: patchExpression(config) } }],
        },
      },
    ),
    ...podBindings("Mutating", sidecarPolicyName, values),
  ];
}

const op = (path: string, value: string): string => `JSONPatch{op: "add", path: ${path}, value: ${value}}`;

/** The patch: container, volumes, annotations; empty where the policy does not cover the pod. */
function patchExpression(config: InjectConfig): string {
  const init = "object.spec.?initContainers.orValue([])";
  const list = (names: string, path: string, one: string) => op(`"${path}/" + string(${names})`, one);
  const native = containerExpression(config, true);
  const ordinary = containerExpression(config, false);
  const container = `${v(isNativeVariable)} ? (size(${init}) == 0 ? [${op('"/spec/initContainers"', `[${native}]`)}] : [${list(afterMesh(init, meshInits), "/spec/initContainers", native)}]) : [${list(afterMesh("object.spec.containers", meshSidecars), "/spec/containers", ordinary)}]`;
  const volumes = volumeExpressions(config);
  const volume = `size(object.spec.?volumes.orValue([])) == 0 ? [${op('"/spec/volumes"', `[${volumes.join(", ")}]`)}] : [${volumes.map((one) => op('"/spec/volumes/-"', one)).join(", ")}]`;
  const status = statusExpression(config);
  const escaped = (key: string) =>
    literal(`/metadata/annotations/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  const isNamed = `${literal(defaultContainerKey)} in variables.annotations`;
  const annotations = `size(variables.annotations) == 0 ? [${op('"/metadata/annotations"', `{${literal(statusKey)}: ${status}, ${literal(defaultContainerKey)}: string(${v("target")}.c.name)}`)}] : [${op(escaped(statusKey), status)}] + (${isNamed} ? [] : [${op(escaped(defaultContainerKey), `${v("target")}.c.name`)}])`;
  return `!${v("covered")} ? [] : (${container}) + (${volume}) + (${annotations})`;
}

/** One behind the last container of a mesh. */
const afterMesh = (list: string, mesh: ReadonlySet<string>): string =>
  `([${[...mesh].map(literal).join(", ")}].map(m, ${list}.map(c, c.name).lastIndexOf(m)).max() + 1)`;

const holes = {
  group: textHole("group", v("group")),
  protocol: textHole("protocol", v("protocol")),
  modelDir: textHole("modelDir", v("modelDir")),
  claim: textHole("claim", v("claimVolume")),
  mountName: textHole("mountName", `${v("mount")}.name`),
  mountPath: textHole("mountPath", `${v("mount")}.mountPath`),
  cpu: textHole("cpu", v("cpu_request")),
  memory: textHole("memory", v("memory_request")),
  memoryLimit: textHole("memoryLimit", v("memory_limit")),
  cpuLimit: textHole("cpuLimit", v("cpu_limit")),
  role: textHole("role", v("role")),
  size: textHole("size", v("snapshot_size")),
  volumeName: textHole("volumeName", `${v("snapshot_volume")}.find("[^:]*$")`),
  rev: textHole("rev", v("rev")),
  target: textHole("target", `${v("target")}.c.name`),
  port: intHole(1, v("port")),
  grpc: intHole(2, v("grpcPort")),
  management: intHole(3, v("managementPort")),
  control: intHole(4, `int(${v("control_port")})`),
  keep: intHole(5, `int(${v("snapshot_keep")})`),
} as const satisfies Record<string, Hole>;
const allHoles = Object.values(holes);

/** Parts of LOCUM_SERVICE that are there only where there is something to say. */
const parts: OptionalPart[] = [
  { part: `,"protocol":"${holes.protocol.mark}"`, when: `${v("protocol")} != ""` },
  { part: `,"grpc":"127.0.0.1:${holes.grpc.mark}"`, when: `${v("grpcPort")} != 0` },
  { part: `,"management":"http://127.0.0.1:${holes.management.mark}"`, when: `${v("managementPort")} != 0` },
  { part: `,"modelDir":"${holes.modelDir.mark}"`, when: `${v("modelDir")} != ""` },
  { part: `,"volume":"pvc-${holes.claim.mark}"`, when: `${v("claimVolume")} != ""` },
  { part: ',"failClosed":true', when: `${v("on_agent_overload")} == "closed"` },
];

/** The very container that inject() builds, with holes for what differs from pod to pod. */
function sidecarWithHoles(config: InjectConfig, { native, volume }: { native: boolean; volume: string }) {
  const base = readKeys({});
  if ("kind" in base) throw new Error(base.detail);
  const keys = {
    ...base,
    "on-agent-overload": "closed",
    "snapshot-volume": volume,
    "snapshot-size": holes.size.mark,
    "snapshot-keep": holes.keep.number,
    "cpu-request": holes.cpu.mark,
    "memory-request": holes.memory.mark,
    "memory-limit": holes.memoryLimit.mark,
    "cpu-limit": holes.cpuLimit.mark,
    "control-port": holes.control.number,
    role: holes.role.mark,
  } as unknown as Keys;
  return buildSidecar({
    group: holes.group.mark,
    target: {
      container: { name: "" },
      server: "",
      port: holes.port.number,
      declared: undefined,
      protocol: holes.protocol.mark as never,
      grpcPort: holes.grpc.number,
      managementPort: holes.management.number,
      serverPorts: { http: undefined, grpc: undefined },
      path: undefined,
      notes: [],
    },
    model: {
      mount: { name: holes.mountName.mark, mountPath: holes.mountPath.mark },
      modelDir: holes.modelDir.mark,
      claim: holes.claim.mark,
      notes: [],
    },
    asked: {},
    tap: null,
    native,
    keys,
    config,
  });
}

function containerExpression(config: InjectConfig, native: boolean): string {
  const { container } = sidecarWithHoles(config, { native, volume: "emptyDir" });
  const emit = (value: unknown) => expressionOf(value, allHoles, parts);
  const env = (container.env ?? []).filter(({ name }) => name !== "LOCUM_ROLE");
  const role = (container.env ?? []).filter(({ name }) => name === "LOCUM_ROLE");
  const mounts = (container.volumeMounts ?? []).slice(0, -1);
  const { requests, limits } = container.resources as Record<string, Record<string, unknown>>;
  const { cpu: _cpu, ...otherLimits } = limits ?? {};
  const mount = `{"name": dyn(${v("mount")}.name), "mountPath": dyn(${v("mount")}.mountPath), ?"subPath": ${optional(`${v("mount")}.?subPath.orValue("") != ""`, `${v("mount")}.subPath`)}, ?"readOnly": ${optional(v("readOnly"), "true")}}`;
  const fields = Object.entries(container).map(([name, value]) => {
    if (name === "env")
      return `"env": dyn(${emit(env)} + (${v("role")} in ["", "active"] ? [] : ${emit(role)}))`;
    if (name === "volumeMounts")
      return `"volumeMounts": dyn(${emit(mounts)} + (${v("modelDir")} == "" ? [] : [dyn(${mount})]))`;
    if (name === "resources")
      return `"resources": dyn({"requests": dyn(${emit(requests)}), "limits": dyn(${emit({ ...otherLimits, "?cpu": optional(`${v("cpu_limit")} != ""`, v("cpu_limit")) })})})`;
    return `${literal(name)}: dyn(${emit(value)})`;
  });
  return `{${fields.join(", ")}}`;
}

function volumeExpressions(config: InjectConfig): string[] {
  const of = (volume: string) =>
    sidecarWithHoles(config, { native: true, volume }).volumes.map((one) => expressionOf(one, allHoles));
  const [empty, claim, ephemeral] = [
    of("emptyDir"),
    of(`pvc:${holes.volumeName.mark}`),
    of(`ephemeral:${holes.volumeName.mark}`),
  ];
  return empty.map((one, index) =>
    one === claim[index]
      ? `dyn(${one})`
      : `(${v("snapshot_volume")} == "emptyDir" ? dyn(${one}) : ${v("snapshot_volume")}.startsWith("pvc:") ? dyn(${claim[index]}) : dyn(${ephemeral[index]}))`,
  );
}

function statusExpression(config: InjectConfig): string {
  const text = JSON.stringify({
    v: 1,
    version: config.version,
    rev: holes.rev.mark,
    spec: configHash(config),
    added: {
      containers: [containerName],
      volumes: volumeNames.slice(0, config.collector ? 3 : 2),
      annotations: [defaultContainerKey],
      labels: [],
    },
    originals: [],
    made: {},
  });
  const isNamed = `${literal(defaultContainerKey)} in variables.annotations`;
  const head = expressionOf(text.slice(0, -"{}}".length), allHoles, [
    { part: literal(defaultContainerKey), when: `!(${isNamed})` },
  ]);
  const lists = {
    initContainers: `${v(isNativeVariable)} && size(object.spec.?initContainers.orValue([])) == 0`,
    volumes: "size(object.spec.?volumes.orValue([])) == 0",
    annotations: "size(variables.annotations) == 0",
  };
  const made = Object.entries(lists).map(
    ([name, isAbsent]) => `(${isAbsent} ? [${literal(`"${name}":"absent"`)}] : [])`,
  );
  return `${head} + "{" + (${made.join(" + ")}).join(",") + "}}"`;
}
