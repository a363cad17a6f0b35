import { type Role, Role as RoleName, ServiceConfig } from "@locum/contracts";
import { containerName, label, readStatus, roleLabel } from "@locum/injection";

import { z } from "zod";

/** What the collector needs of a pod. The object itself is not kept: thousands of them would be. */
export type PodSeen = {
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
  /** Its label asks for a sidecar. */
  asked: boolean;
  /** The sidecar's own words, null where the pod has none. */
  sidecar: { version: string | null; rev: string | null; role: "active" | "standby" } | null;
  /** The text of its LOCUM_SERVICE and what it says; null where it cannot be read. */
  serviceText: string | null;
  config: ServiceConfig | null;
  /** Its label locum.dev/role. */
  role: Role | null;
  /** Term and epoch of whoever wrote that label. */
  epoch: string | null;
  deletionCost: string | null;
  node: string | null;
  ready: boolean;
  deleting: boolean;
  /** Succeeded or failed: it does not come back. */
  ended: boolean;
  createdMs: number;
  /** Null where nobody would make another one in its place. */
  controller: { kind: string; name: string } | null;
};

export const epochKey = "role.locum.dev/epoch";
export const deletionCostKey = "controller.kubernetes.io/pod-deletion-cost";

/** Null where it is no pod: what comes from the API server is read like anything else from outside. */
export function seePod(object: unknown, before?: PodSeen): PodSeen | null {
  const parsed = PodShape.safeParse(object);
  if (!parsed.success) return null;
  const { metadata, spec, status } = parsed.data;
  const { labels, annotations } = metadata;
  const found = [...spec.initContainers, ...spec.containers].find(({ name }) => name === containerName);
  const env = (name: string): string | null => found?.env.find((one) => one.name === name)?.value ?? null;
  const serviceText = env("LOCUM_SERVICE");
  const said = readStatus({ annotations });
  const told = typeof said === "object" ? said : null;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    asked: labels[label] === "enabled",
    sidecar: found
      ? {
          version: told?.version ?? null,
          rev: told?.rev ?? null,
          role: env("LOCUM_ROLE") === "standby" ? "standby" : "active",
        }
      : null,
    serviceText,
    config:
      before && before.uid === metadata.uid && before.serviceText === serviceText
        ? before.config
        : readService(serviceText, metadata.name),
    role: RoleName.safeParse(labels[roleLabel]).data ?? null,
    epoch: annotations[epochKey] ?? null,
    deletionCost: annotations[deletionCostKey] ?? null,
    node: spec.nodeName ?? null,
    ready: status.conditions.some(({ type, status: is }) => type === "Ready" && is === "True"),
    deleting: metadata.deletionTimestamp !== undefined,
    ended: status.phase === "Succeeded" || status.phase === "Failed",
    createdMs: Date.parse(metadata.creationTimestamp ?? "") || 0,
    controller: metadata.ownerReferences.find((owner) => owner.controller === true) ?? null,
  };
}

export const keyOf = ({ namespace, name }: Pick<PodSeen, "namespace" | "name">): string =>
  `${namespace}/${name}`;

/** The kubelet puts the pod's name into it; nobody has done so in what the API server shows. */
function readService(text: string | null, pod: string): ServiceConfig | null {
  if (text === null || text.length > 65_536) return null;
  try {
    return ServiceConfig.safeParse(JSON.parse(text.replaceAll("$(LOCUM_POD)", pod))).data ?? null;
  } catch {
    return null;
  }
}

const text = z.string().max(1024);
const many = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .max(1024)
    .nullish()
    .transform((list) => list ?? []);
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});
const ContainerShape = z.looseObject({
  name: text,
  env: many(z.looseObject({ name: text, value: z.string().optional() })),
});
const PodShape = z.looseObject({
  metadata: z.looseObject({
    name: text.min(1),
    namespace: text.min(1),
    uid: text.min(1),
    resourceVersion: text.default(""),
    labels: texts,
    annotations: texts,
    deletionTimestamp: text.optional(),
    creationTimestamp: text.optional(),
    ownerReferences: many(z.looseObject({ kind: text, name: text, controller: z.boolean().optional() })),
  }),
  spec: z.looseObject({
    nodeName: text.optional(),
    containers: many(ContainerShape),
    initContainers: many(ContainerShape),
  }),
  status: z
    .looseObject({
      phase: text.optional(),
      conditions: many(z.looseObject({ type: text, status: text })),
    })
    .nullish()
    .transform((status) => status ?? { phase: undefined, conditions: [] }),
});
