import { z } from "zod";

/** The parts of a pod that injection reads or writes. Everything else passes through as it is. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Open = Record<string, unknown>;

export type Port = Open & {
  containerPort: number;
  name?: string | undefined;
  protocol?: string | undefined;
  hostPort?: number | undefined;
};
export type PortRef = number | string;
export type Probe = Open & {
  httpGet?: (Open & { port: PortRef; path?: string | undefined; scheme?: string | undefined }) | undefined;
  tcpSocket?: (Open & { port: PortRef }) | undefined;
  grpc?: (Open & { port: number }) | undefined;
  timeoutSeconds?: number | undefined;
};
export type EnvVar = Open & { name: string; value?: string | undefined };
export type VolumeMount = Open & {
  name: string;
  mountPath: string;
  subPath?: string | undefined;
  subPathExpr?: string | undefined;
};
export type Container = Open & {
  name: string;
  image?: string | undefined;
  command?: string[] | undefined;
  args?: string[] | undefined;
  env?: EnvVar[] | undefined;
  ports?: Port[] | undefined;
  volumeMounts?: VolumeMount[] | undefined;
  readinessProbe?: Probe | undefined;
  livenessProbe?: Probe | undefined;
  startupProbe?: Probe | undefined;
  lifecycle?: (Open & { postStart?: Probe | undefined; preStop?: Probe | undefined }) | undefined;
  restartPolicy?: string | undefined;
};
export type Volume = Open & { name: string };
export type PodSpec = Open & {
  containers?: Container[] | undefined;
  initContainers?: Container[] | undefined;
  volumes?: Volume[] | undefined;
  hostNetwork?: boolean | undefined;
  os?: (Open & { name?: string | undefined }) | undefined;
  nodeSelector?: Record<string, string> | undefined;
};
export type Meta = Open & {
  name?: string | undefined;
  generateName?: string | undefined;
  namespace?: string | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  ownerReferences?: (Open & { kind?: string | undefined; name?: string | undefined })[] | undefined;
};

/** Null stands where a template leaves a field empty; the API server takes it for absent. */
const maybe = <T extends z.ZodType>(type: T) => type.nullish();
const list = <T extends z.ZodType>(item: T) => maybe(z.array(item).max(1024));
const texts = maybe(z.record(z.string(), z.string()));
const portRef = z.union([z.string(), z.number()]);
const PortShape = z.looseObject({
  containerPort: z.number().int().min(1).max(65_535),
  name: maybe(z.string()),
  hostPort: maybe(z.number()),
});
const ProbeShape = z.looseObject({
  httpGet: maybe(z.looseObject({ port: portRef, path: maybe(z.string()) })),
  tcpSocket: maybe(z.looseObject({ port: portRef })),
  grpc: maybe(z.looseObject({ port: z.number() })),
  timeoutSeconds: maybe(z.number()),
});
const ContainerShape = z.looseObject({
  name: z.string().min(1).max(253),
  image: maybe(z.string()),
  command: list(z.string()),
  args: list(z.string()),
  env: list(z.looseObject({ name: z.string(), value: maybe(z.string()) })),
  ports: list(PortShape),
  volumeMounts: list(z.looseObject({ name: z.string(), mountPath: z.string(), subPath: maybe(z.string()) })),
  readinessProbe: maybe(ProbeShape),
  livenessProbe: maybe(ProbeShape),
  startupProbe: maybe(ProbeShape),
  lifecycle: maybe(z.looseObject({ postStart: maybe(ProbeShape), preStop: maybe(ProbeShape) })),
});
const PodShape = z.looseObject({
  containers: list(ContainerShape),
  initContainers: list(ContainerShape),
  volumes: list(z.looseObject({ name: z.string() })),
  hostNetwork: maybe(z.boolean()),
  os: maybe(z.looseObject({ name: maybe(z.string()) })),
  nodeSelector: texts,
});
const MetaShape = z.looseObject({
  name: maybe(z.string()),
  generateName: maybe(z.string()),
  namespace: maybe(z.string()),
  labels: texts,
  annotations: texts,
  ownerReferences: list(z.looseObject({ kind: maybe(z.string()), name: maybe(z.string()) })),
});

const depthMax = 100;

/** Iterative: what comes from outside may be nested deeper than the stack. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth < depthMax && level.length > 0; depth += 1)
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  return level.length > 0;
}

/**
 * A deep copy in which no two places share an object. Aliases of YAML do: what is then changed in one place would
 * change in the other.
 */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item) => copy(item)) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.map(([key, one]) => [key, copy(one)])) as T;
}

/** What is wrong with a pod or its metadata that came from outside, in one sentence; null where both can be read. */
export function malformed(pod: unknown, meta: unknown): string | null {
  for (const [shape, value, where] of [
    [PodShape, pod, "spec"],
    [MetaShape, meta, "metadata"],
  ] as const) {
    if (isTooDeep(value)) return `${where}: nested deeper than ${depthMax}`;
    const parsed = shape.safeParse(value);
    const issue = parsed.error?.issues[0];
    if (issue) return `${[where, ...issue.path.map(String)].join(".").slice(0, 256)}: ${issue.message}`;
  }
  return null;
}
