import { statusKey } from "./keys.ts";
import { readStatus, type Status } from "./status.ts";

type Obj = Record<string, unknown>;

/** A Service as far as it decides where requests to a pod go. */
export type SelectingService = {
  namespace: string | undefined;
  selector: Record<string, string>;
  /** Ports of the pod that it names by number. */
  numbers: number[];
};

/** Null where the object is no Service with a selector. */
export function selectingService(object: unknown): SelectingService | null {
  if (!isObj(object) || object.kind !== "Service" || object.apiVersion !== "v1" || !isObj(object.spec))
    return null;
  const { selector, ports } = object.spec;
  if (!isObj(selector) || Object.keys(selector).length === 0 || !Array.isArray(ports)) return null;
  return {
    namespace: namespaceOf(object.metadata),
    selector: selector as Record<string, string>,
    numbers: ports.flatMap((port) => numberOf(port) ?? []),
  };
}

export const selects = (
  { selector, namespace }: SelectingService,
  pod: { labels: unknown; namespace: unknown },
): boolean =>
  isObj(pod.labels) &&
  (namespace ?? "") === (typeof pod.namespace === "string" ? pod.namespace : "") &&
  Object.entries(selector).every(([key, value]) => (pod.labels as Obj)[key] === value);

/** An injected pod as a Service sees it. */
export type InPath = { labels: Record<string, string>; namespace: unknown; port: number; tapPort: number };

/**
 * The Service with every port that leads to an injected model by number led to its tap instead; null where it has none.
 * What stood there is kept in its `locum.dev/status`.
 */
export function patchService(object: Obj, pods: readonly InPath[], version: string): Obj | null {
  const service = selectingService(object);
  if (!service) return null;
  const mine = pods.filter((pod) => selects(service, pod));
  const spec = object.spec as Obj;
  const originals: Status["originals"] = [];
  const ports = (spec.ports as unknown[]).map((port) => {
    const tap = mine.find((pod) => pod.port === numberOf(port));
    if (!tap || !isObj(port)) return port;
    const was = port.targetPort as number | undefined;
    originals.push({
      path: ["ports", Number(port.port), "targetPort"],
      ...(was === undefined ? {} : { was }),
    });
    return { ...port, targetPort: tap.tapPort };
  });
  if (originals.length === 0) return null;
  const metadata = isObj(object.metadata) ? object.metadata : {};
  const annotations = isObj(metadata.annotations) ? metadata.annotations : {};
  const status = {
    v: 1,
    version,
    rev: "default",
    spec: "",
    added: { containers: [], volumes: [], annotations: [], labels: [] },
    originals,
    made: Object.keys(annotations).length > 0 ? {} : { annotations: madeOf(metadata) },
  } satisfies Status;
  return {
    ...object,
    metadata: { ...metadata, annotations: { ...annotations, [statusKey]: JSON.stringify(status) } },
    spec: { ...spec, ports },
  };
}

const madeOf = ({ annotations }: Obj): "absent" | "null" | "empty" =>
  annotations === undefined ? "absent" : annotations === null ? "null" : "empty";

/** The Service as it was. */
export function stripService(object: Obj): Obj {
  const { metadata, spec } = object;
  if (!isObj(metadata) || !isObj(spec) || !isObj(metadata.annotations)) return object;
  const status = readStatus(metadata);
  if (status === null || status === "unreadable" || !Array.isArray(spec.ports)) return object;
  const { [statusKey]: _status, ...annotations } = metadata.annotations;
  const ports = spec.ports.map((port) => {
    const original = status.originals.find(
      ({ path }) => path[0] === "ports" && isObj(port) && path[1] === port.port,
    );
    if (!original || !isObj(port)) return port;
    const { targetPort: _target, ...rest } = port;
    return original.was === undefined ? rest : { ...port, targetPort: original.was };
  });
  const { annotations: _annotations, ...bare } = metadata;
  const was = Object.keys(annotations).length > 0 ? undefined : status.made.annotations;
  return {
    ...object,
    metadata: was === "absent" ? bare : { ...bare, annotations: was === "null" ? null : annotations },
    spec: { ...spec, ports },
  };
}

function numberOf(port: unknown): number | null {
  if (!isObj(port) || (port.protocol ?? "TCP") !== "TCP") return null;
  const target = port.targetPort ?? port.port;
  return typeof target === "number" ? target : null;
}

const namespaceOf = (metadata: unknown): string | undefined =>
  isObj(metadata) && typeof metadata.namespace === "string" ? metadata.namespace : undefined;

const isObj = (value: unknown): value is Obj =>
  typeof value === "object" && value !== null && !Array.isArray(value);
