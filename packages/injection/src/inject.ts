import { buildSidecar } from "./build-sidecar.ts";
import type { InjectConfig } from "./config.ts";
import { label, readKeys, statusKey } from "./keys.ts";
import { modelMount } from "./model-mount.ts";
import { ownerName } from "./owner-name.ts";
import { type Container, type Meta, malformed, type PodSpec } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { rewriteProbes } from "./rewrite-probes.ts";
import { sourceNotes } from "./source-notes.ts";
import { annotationBytesMax, configHash, type Original, type Status, statusBytesMax } from "./status.ts";
import { defaultContainerKey, roleLabel, type Stripped, strip, volumeNames } from "./strip.ts";
import { takeOver } from "./take-over.ts";
import { findTarget, meshInits, meshSidecars, type Target } from "./target.ts";

export type InjectInput = {
  /** The spec of a pod, or of a pod template. */
  pod: unknown;
  /** Its metadata: labels, annotations, and what names its owner. */
  meta: unknown;
  config: InjectConfig;
  /** Labels of the workload above the template: a label there and not below is told. */
  workloadLabels?: Record<string, unknown> | undefined;
  /** Ports of this pod that Services at hand name by number, and that can be patched together with it. */
  servicePorts?: readonly number[] | undefined;
  /** Name of what makes the pod, where its metadata does not say it. */
  owner?: string | undefined;
  /** False where the object has no place for init containers. */
  initContainers?: boolean | undefined;
  /** One rule after the other, for `locum explain`. */
  onRule?: (rule: string, found: string) => void;
};

export type Injected = { kind: "injected"; pod: PodSpec; meta: Meta; notes: Note[]; target: TargetView };
export type TargetView = Pick<Target, "server" | "port" | "protocol"> & {
  container: string;
  modelDir: string | undefined;
  native: boolean;
  /** Null where the sidecar is not in the path. */
  tapPort: number | null;
};

/**
 * The one decision of injection, which webhook, command line and policies share: takes out whatever an earlier version
 * put in, then puts the sidecar in. Pure; the arguments are not changed; the same input gives the same output, and its
 * own output gives itself again. Where it declines, the object is to stay as it is.
 */
export function inject(input: InjectInput): Injected | Declined {
  const say = input.onRule ?? (() => undefined);
  const problem = malformed(input.pod, input.meta);
  if (problem) return declined("malformed", problem);
  const bare = strip(input.pod as PodSpec, input.meta as Meta);
  say("strip", bare.wasInjected ? "an earlier injection was taken out first" : "not injected before");
  const unwanted = optIn(bare.meta, input);
  if (unwanted) return unwanted;
  say("label", `${label} asks for it`);
  const unfit = unfitPod(bare);
  if (unfit) return unfit;
  say("pod", "runs on Linux, in a network of its own");
  const keys = readKeys(bare.meta, input.config.defaults);
  if ("kind" in keys) return keys;
  say("keys", `posture ${keys.posture}, class ${keys.class}`);
  const target = findTarget(bare.pod, bare.meta, keys);
  if ("kind" in target) return target;
  say("target", `container ${target.container.name}, ${target.server}, port ${target.port}`);
  return putIn(bare, target, keys, { ...input, say });
}

function optIn({ labels }: Meta, { config, workloadLabels }: InjectInput): Declined | null {
  const word = labels?.[label];
  if (word === "disabled") return declined("label_disabled", `${label}: disabled`);
  if (word === "enabled" || (word === undefined && config.namespaceInject)) return null;
  if (word !== undefined)
    return declined(
      "bad_value",
      `label ${label}: expected enabled or disabled, found ${JSON.stringify(word)}`,
    );
  if (workloadLabels?.[label] !== undefined)
    return declined("wrong_level_label", `${label} is on the workload, not on its pod template`);
  return declined("not_labelled", `the pod has no label ${label}`);
}

function unfitPod({ pod, meta }: Stripped): Declined | null {
  if (pod.os?.name === "windows" || pod.nodeSelector?.["kubernetes.io/os"] === "windows")
    return declined("windows", "the pod is for Windows nodes");
  if (pod.hostNetwork === true) return declined("host_network", "the pod has hostNetwork: true");
  if (!pod.containers?.length) return declined("no_containers", "spec.containers is empty");
  if ((meta.name?.length ?? 0) > 63) return declined("name_too_long", `the pod is named ${meta.name}`);
  const taken = (pod.volumes ?? []).find(({ name }) => (volumeNames as readonly string[]).includes(name));
  return taken ? declined("name_collision", `a volume is named ${taken.name} already`) : null;
}

function putIn(
  { pod, meta, notes }: Stripped,
  target: Target,
  keys: Exclude<ReturnType<typeof readKeys>, Declined>,
  {
    config,
    say,
    owner,
    servicePorts = [],
    initContainers = true,
  }: InjectInput & { say: (rule: string, found: string) => void },
): Injected | Declined {
  const group = keys.group ?? ownerName(meta, owner);
  if (group === null)
    return declined(
      "bad_value",
      "the pod has no owner whose name could be the service's: set locum.dev/group",
    );
  const taken = takeOver(pod, target, keys, servicePorts);
  if ("kind" in taken) return taken;
  say("port", taken.tap ? `the tap is port ${taken.tap.name ?? taken.tap.port}` : "not in the path");
  const probes = rewriteProbes(target.container, keys);
  say("probes", Object.keys(probes.asked).join(", ") || "none rewritten");
  const model = modelMount(pod, target);
  say("model", model.modelDir ?? "no folder");
  const native = initContainers && isNative(keys["native-sidecar"] ?? config.native, config.kubeletMin);
  if (!native && pod.restartPolicy !== undefined && pod.restartPolicy !== "Always")
    return declined("job_needs_native", `the pod has restartPolicy: ${String(pod.restartPolicy)}`);
  say("container", native ? "native sidecar" : "ordinary container");
  const told = sourceNotes(pod, target, { keys, model, native });
  const sidecar = buildSidecar({
    group,
    target: { ...target, port: taken.port },
    model,
    asked: probes.asked,
    tap: taken.tap,
    native,
    keys,
    config,
  });

  const made: Status["made"] = {};
  place(pod, sidecar.container, native, made);
  pod.volumes = [...(madeList(pod, "volumes", made) as never[]), ...sidecar.volumes];
  const added = addMeta(meta, keys, target, made);
  const status = {
    v: 1,
    version: config.version,
    rev: keys.rev,
    spec: configHash(config),
    added: {
      containers: [sidecar.container.name],
      volumes: sidecar.volumes.map(({ name }) => name),
      ...added,
    },
    originals: firstOfEach([...taken.originals, ...probes.originals]),
    made,
  } satisfies Status;
  const annotations = meta.annotations ?? {};
  annotations[statusKey] = JSON.stringify(status);
  meta.annotations = annotations;
  const oversized = oversizedBy(annotations);
  if (oversized) return oversized;
  return {
    kind: "injected",
    pod,
    meta,
    notes: [
      ...notes,
      ...target.notes,
      ...taken.notes,
      ...probes.notes,
      ...model.notes,
      ...told,
      ...(native ? [] : [ordinaryNote]),
    ],
    target: {
      server: target.server,
      port: taken.port,
      protocol: target.protocol,
      container: target.container.name,
      modelDir: model.modelDir,
      native,
      tapPort: taken.tap?.port ?? null,
    },
  };
}

const ordinaryNote: Note = {
  code: "ordinary_container",
  detail: "the sidecar ends with the pod's other containers, not after them",
};

/** Native init sidecars keep their place and get SIGTERM last since 1.29; only from 1.33 on is that promised. */
function isNative(mode: "auto" | "always" | "never", kubeletMin: string | undefined): boolean {
  if (mode !== "auto") return mode === "always";
  return kubeletMin !== undefined && Number(kubeletMin.slice(2)) >= 33;
}

/** After the mesh's own, before everything that may need the model's files or the network through us. */
function place(pod: PodSpec, container: Container, native: boolean, made: Status["made"]): void {
  if (native) pod.initContainers = afterMesh(madeList(pod, "initContainers", made), container, meshInits);
  else pod.containers = afterMesh(pod.containers ?? [], container, meshSidecars);
}

function afterMesh(list: readonly Container[], one: Container, mesh: ReadonlySet<string>): Container[] {
  const at = list.findLastIndex(({ name }) => mesh.has(name)) + 1;
  return [...list.slice(0, at), one, ...list.slice(at)];
}

function madeList(owner: PodSpec, name: "initContainers" | "volumes", made: Status["made"]): Container[] {
  const list = owner[name] as Container[] | null | undefined;
  if (!list?.length) made[name] = list === undefined ? "absent" : list === null ? "null" : "empty";
  return list ?? [];
}

function addMeta(
  meta: Meta,
  keys: Exclude<ReturnType<typeof readKeys>, Declined>,
  target: Target,
  made: Status["made"],
): { annotations: string[]; labels: string[] } {
  const map = (name: "annotations" | "labels"): Record<string, string> => {
    const entries = meta[name] as Record<string, string> | null | undefined;
    if (!entries || Object.keys(entries).length === 0)
      made[name] = entries === undefined ? "absent" : entries === null ? "null" : "empty";
    return entries ?? {};
  };
  const annotations = map("annotations");
  const added = { annotations: [] as string[], labels: [] as string[] };
  if (annotations[defaultContainerKey] === undefined) {
    annotations[defaultContainerKey] = target.container.name;
    added.annotations.push(defaultContainerKey);
  }
  meta.annotations = annotations;
  if (keys.class === "exclusive") {
    const labels = map("labels");
    labels[roleLabel] = keys.role ?? "standby";
    meta.labels = labels;
    added.labels.push(roleLabel);
  }
  return added;
}

/** A field that two steps changed is put back to what stood there before the first. */
function firstOfEach(originals: readonly Original[]): Status["originals"] {
  const seen = new Set<string>();
  return originals.filter(({ path }) => {
    const key = JSON.stringify(path);
    return !seen.has(key) && seen.add(key);
  }) as Status["originals"];
}

function oversizedBy(annotations: Record<string, string>): Declined | null {
  const own = Buffer.byteLength(annotations[statusKey] ?? "");
  if (own > statusBytesMax)
    return declined(
      "oversized_annotations",
      `${statusKey} would hold ${own} bytes, at most ${statusBytesMax}`,
    );
  const all = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return all > annotationBytesMax
    ? declined(
        "oversized_annotations",
        `all annotations would hold ${all} bytes, at most ${annotationBytesMax}`,
      )
    : null;
}
