import type { InjectConfig } from "./config.ts";
import { type InjectInput, inject, type TargetView } from "./inject.ts";
import { label } from "./keys.ts";
import type { Meta, PodSpec } from "./pod.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { type SelectingService, selects } from "./service-patch.ts";
import { strip } from "./strip.ts";

/** Where an object keeps its pod, and what the pod will be labelled and annotated with. */
type Kind = {
  api: RegExp;
  pod: readonly string[];
  /** `beside`: metadata next to the spec. `own`: the object's. `inside`: labels and annotations of the pod's spec itself. */
  meta: "beside" | "own" | "inside";
  initContainers?: false;
};

const template = ["spec", "template"];
const kinds: Record<string, Kind> = {
  Pod: { api: /^v1$/, pod: [], meta: "beside" },
  ReplicationController: { api: /^v1$/, pod: template, meta: "beside" },
  Deployment: { api: /^apps\//, pod: template, meta: "beside" },
  StatefulSet: { api: /^apps\//, pod: template, meta: "beside" },
  DaemonSet: { api: /^apps\//, pod: template, meta: "beside" },
  ReplicaSet: { api: /^apps\//, pod: template, meta: "beside" },
  Job: { api: /^batch\//, pod: template, meta: "beside" },
  CronJob: { api: /^batch\//, pod: ["spec", "jobTemplate", "spec", "template"], meta: "beside" },
  InferenceService: { api: /^serving\.kserve\.io\//, pod: ["spec", "predictor"], meta: "own" },
  ServingRuntime: { api: /^serving\.kserve\.io\//, pod: ["spec"], meta: "inside", initContainers: false },
  ClusterServingRuntime: {
    api: /^serving\.kserve\.io\//,
    pod: ["spec"],
    meta: "inside",
    initContainers: false,
  },
};

type Obj = Record<string, unknown>;
export type WorkloadResult =
  | { kind: "injected"; object: Obj; notes: Note[]; target: TargetView; labels: Record<string, string> }
  | Declined;

export const isWorkload = (object: unknown): object is Obj => kindOf(object) !== null;

function kindOf(object: unknown): Kind | null {
  if (!isObj(object) || typeof object.kind !== "string" || typeof object.apiVersion !== "string") return null;
  const kind = Object.hasOwn(kinds, object.kind) ? kinds[object.kind] : undefined;
  return kind?.api.test(object.apiVersion) ? kind : null;
}

/** Injects one object of a kind that has pods. The object that comes in is not changed. */
export function injectWorkload(
  object: Obj,
  {
    config,
    services = [],
    onRule,
  }: { config: InjectConfig; services?: readonly SelectingService[]; onRule?: InjectInput["onRule"] },
): WorkloadResult {
  const kind = kindOf(object);
  if (!kind) return declined("malformed", "not a kind that has pods");
  const owner = isObj(object.metadata) ? object.metadata : {};
  const found = findPod(object, kind);
  if (!found) return elsewhere(object, kind);
  const { pod, meta } = found;
  const isOwn = kind.pod.length === 0;
  const result = inject({
    pod,
    meta,
    config,
    servicePorts: services
      .filter((service) => selects(service, { labels: meta.labels, namespace: owner.namespace }))
      .flatMap(({ numbers }) => numbers),
    owner: isOwn ? undefined : (owner.name as string | undefined),
    workloadLabels: isOwn ? undefined : (owner.labels as Obj | undefined),
    initContainers: kind.initContainers,
    ...(onRule ? { onRule } : {}),
  });
  if (result.kind === "declined")
    return result.reason === "no_containers" ? elsewhere(object, kind, result) : result;
  return {
    kind: "injected",
    object: putPod(object, kind, result.pod, result.meta),
    notes: result.notes,
    target: result.target,
    labels: (meta.labels ?? {}) as Record<string, string>,
  };
}

/** A pod as this object would make it; null where another controller makes the pods. */
export function podOf(object: Obj): Obj | null {
  const kind = kindOf(object);
  const found = kind && findPod(object, kind);
  if (!kind || !found) return null;
  if (kind.pod.length === 0) return object;
  const name = isObj(object.metadata) ? object.metadata.name : undefined;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...found.meta, ...(typeof name === "string" ? { generateName: `${name}-` } : {}) },
    spec: found.pod,
  };
}

/** The object as it was before any injection. */
export function stripWorkload(object: Obj): Obj {
  const kind = kindOf(object);
  const found = kind && findPod(object, kind);
  if (!kind || !found) return object;
  try {
    const bare = strip(found.pod as PodSpec, found.meta as Meta);
    return bare.wasInjected ? putPod(object, kind, bare.pod, bare.meta) : object;
  } catch {
    // A pod whose lists are no lists was never injected by us.
    return object;
  }
}

function findPod(object: Obj, kind: Kind): { pod: unknown; meta: Obj } | null {
  const holder = kind.pod.reduce<unknown>((at, key) => (isObj(at) ? at[key] : undefined), object);
  if (!isObj(holder)) return null;
  if (kind.meta === "own") return { pod: holder, meta: isObj(object.metadata) ? object.metadata : {} };
  if (kind.meta === "inside") {
    const { labels, annotations } = holder;
    return {
      pod: holder,
      meta: {
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
    };
  }
  const { spec = {}, metadata = {} } = holder;
  return isObj(spec ?? {}) ? { pod: spec ?? {}, meta: isObj(metadata) ? metadata : {} } : null;
}

function putPod(object: Obj, kind: Kind, pod: PodSpec, meta: Meta): Obj {
  const holder = kind.pod.reduce<Obj>((at, key) => at[key] as Obj, object);
  if (kind.meta === "own") return setIn({ ...object, metadata: meta }, kind.pod, pod);
  if (kind.meta === "inside") {
    const { labels: _l, annotations: _a, ...spec } = pod;
    return setIn(object, kind.pod, { ...spec, ...meta });
  }
  const metadata = holder.metadata === undefined && Object.keys(meta).length === 0 ? {} : { metadata: meta };
  return setIn(object, kind.pod, { ...holder, ...metadata, spec: pod });
}

/** An InferenceService that names a model only: KServe makes its pods, and hands its labels on to them. */
function elsewhere(object: Obj, kind: Kind, otherwise?: Declined): Declined {
  const isKserve = kind.meta !== "beside";
  const meta = isObj(object.metadata) && isObj(object.metadata.labels) ? object.metadata.labels : {};
  if (isKserve && meta[label] === "enabled")
    return declined("rendered_elsewhere", `KServe makes the pods of this ${String(object.kind)}`);
  return otherwise ?? declined("not_labelled", "it has no pod template");
}

function setIn(object: Obj, path: readonly string[], value: unknown): Obj {
  const [key, ...rest] = path;
  if (key === undefined) return value as Obj;
  return { ...object, [key]: setIn(isObj(object[key]) ? object[key] : {}, rest, value) };
}

const isObj = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);
