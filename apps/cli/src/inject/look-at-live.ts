import {
  type InjectConfig,
  injectWorkload,
  isWorkload,
  objectsIn,
  type SelectingService,
  selectingService,
} from "@locum/injection";
import type { KubeObject, Kubernetes, Resource } from "@locum/runtime/kubernetes";
import { resources } from "@locum/runtime/kubernetes";
import { type Compared, compareLive, type LiveState } from "./compare-live.ts";
import type { DiffLine } from "./line-diff.ts";

type Obj = Record<string, unknown>;
export type LiveLook = {
  /** As kubectl names it. */
  object: string;
  state: LiveState | "absent";
  /** What was compared: the object itself, or pods of it. */
  where: string;
  hunks: DiffLine[][];
};

const podsMax = 500;

/**
 * Every object of the input that is injected, beside what the cluster has of it. Where the webhook injects, the object
 * itself has no sidecar and its pods have: then those are compared.
 */
export async function lookAtLive(
  documents: readonly unknown[],
  { kubernetes, config }: { kubernetes: Pick<Kubernetes, "get" | "list" | "access">; config: InjectConfig },
): Promise<LiveLook[]> {
  const objects = documents.flatMap((value) => objectsIn(value).map(({ object }) => object));
  const services = objects.flatMap((object) => selectingService(object) ?? []);
  const looks: LiveLook[] = [];
  for (const object of objects) {
    if (!isWorkload(object) || injectWorkload(object, { config, services }).kind !== "injected") continue;
    looks.push(await lookAtOne(object, { kubernetes, config, services }));
  }
  return looks;
}

async function lookAtOne(
  file: Obj,
  {
    kubernetes,
    config,
    services,
  }: {
    kubernetes: Pick<Kubernetes, "get" | "list" | "access">;
    config: InjectConfig;
    services: readonly SelectingService[];
  },
): Promise<LiveLook> {
  const { name, namespace = kubernetes.access.namespace ?? "default" } = (file.metadata ?? {}) as {
    name?: string;
    namespace?: string;
  };
  const object = `${namespace}/${String(file.kind).toLowerCase()}/${name ?? "-"}`;
  const found = name === undefined ? null : await kubernetes.get(resourceOf(file), { namespace, name });
  if (!found) return { object, state: "absent", where: "not in the cluster", hunks: [] };
  // Ports that Services of the input name by number, whatever they select: a pod that needs none asks for none.
  const options = { config, servicePorts: services.flatMap(({ numbers }) => numbers) };
  const own = compareLive(file, found, options);
  if (own.state !== "not-injected") return lookOf(object, "the object", [own]);
  const pods = await podsOf(found, namespace, kubernetes);
  if (pods.length === 0) return lookOf(object, "the object", [own]);
  return lookOf(
    object,
    `its pods (${pods.length})`,
    pods.map((pod) => compareLive(file, { apiVersion: "v1", kind: "Pod", ...pod }, options)),
  );
}

/** The worst of what was compared, with its lines. */
function lookOf(object: string, where: string, compared: readonly Compared[]): LiveLook {
  const worst =
    compared.find(({ state }) => state === "differs") ??
    compared.find(({ state }) => state === "not-injected") ??
    compared[0];
  const why = worst?.why ? `${where}: ${worst.why}` : where;
  return { object, state: worst?.state ?? "not-injected", where: why, hunks: worst?.hunks ?? [] };
}

async function podsOf(
  { spec }: KubeObject,
  namespace: string,
  kubernetes: Pick<Kubernetes, "list">,
): Promise<KubeObject[]> {
  const { selector } = (spec ?? {}) as { selector?: { matchLabels?: Record<string, string> } };
  const labels = Object.entries(selector?.matchLabels ?? {});
  if (labels.length === 0) return [];
  const { items } = await kubernetes.list(
    resources.pods,
    { namespace },
    { labelSelector: labels.map(([key, value]) => `${key}=${value}`).join(","), itemsMax: podsMax },
  );
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** All kinds that make pods have plurals that end in `s`. */
function resourceOf({ apiVersion, kind }: Obj): Resource {
  const [version = "", group = ""] = String(apiVersion).split("/").reverse();
  return { group, version, plural: `${String(kind).toLowerCase()}s` };
}
