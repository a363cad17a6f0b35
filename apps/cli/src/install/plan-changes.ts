import { Fault } from "@locum/contracts";
import { installLabel, jsonPatch, type Manifest } from "@locum/injection";
import type { KubeObject, Kubernetes } from "@locum/runtime/kubernetes";
import { fieldManager, installedResources, nameOf, placeOf } from "./apply-manifests.ts";

export type Change = {
  object: string;
  act: "create" | "change" | "same" | "remove";
  /** Paths of the fields that would be others. */
  fields: string[];
  /** Its pods would be replaced by new ones. */
  rolls: boolean;
};

/** What applying would do, asked of the API server itself: server-side apply, as a dry run. Nothing is changed. */
export async function planChanges(kubernetes: Kubernetes, objects: readonly Manifest[]): Promise<Change[]> {
  const changes: Change[] = [];
  for (const object of objects) changes.push(await planOne(kubernetes, object));
  const superfluous = await supersededBy(kubernetes, objects);
  return [
    ...changes,
    ...superfluous.map(
      (object): Change => ({ object: nameOf(object), act: "remove", fields: [], rolls: false }),
    ),
  ];
}

async function planOne(kubernetes: Kubernetes, object: Manifest): Promise<Change> {
  const { resource, place } = placeOf(object);
  const live = await kubernetes.get(resource, place);
  const change = { object: nameOf(object), fields: [] as string[], rolls: false };
  if (!live)
    return { ...change, act: "create", rolls: object.kind === "Deployment" || object.kind === "StatefulSet" };
  const after = await kubernetes.apply(resource, place, object, { fieldManager, force: true, dryRun: true });
  const fields = [...new Set(jsonPatch(settled(live), settled(after)).map(({ path }) => path))];
  return {
    ...change,
    act: fields.length === 0 ? "same" : "change",
    fields,
    rolls: fields.some((path) => path.startsWith("/spec/template")),
  };
}

/** Without what every write changes. */
function settled({ metadata, status: _status, ...rest }: KubeObject): object {
  const { resourceVersion: _r, generation: _g, managedFields: _m, creationTimestamp: _c, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

/** Objects of an earlier installation that this one does not have any more, such as the webhook once policies inject. */
export async function supersededBy(
  kubernetes: Kubernetes,
  objects: readonly Manifest[],
): Promise<KubeObject[]> {
  const wanted = new Set(objects.map(nameOf));
  const installed = await listInstalled(kubernetes);
  return installed.filter((object) => !wanted.has(nameOf(object)) && !isCompanion(object));
}

/** What holds keys or an authority is no rendered object, and goes with the whole installation only. */
const isCompanion = ({ kind, data }: KubeObject): boolean =>
  kind === "Secret" || kind === "Namespace" || (kind === "ConfigMap" && Object.hasOwn(data ?? {}, "ca.crt"));

/** Every object with the label of an installation, in the order in which they are applied. */
export async function listInstalled(kubernetes: Kubernetes): Promise<KubeObject[]> {
  const [[key, value] = ["", ""]] = Object.entries(installLabel);
  const found: KubeObject[] = [];
  for (const { kind, ...resource } of installedResources) {
    const { items } = await kubernetes
      .list(resource, {}, { labelSelector: `${key}=${value}` })
      .catch((error: unknown) => {
        // A cluster that does not know a kind has no object of it.
        if (error instanceof Fault && error.code === "not-found") return { items: [] };
        throw error;
      });
    const apiVersion = resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
    // Items of a list come without their kind.
    for (const item of items) found.push({ ...item, apiVersion, kind });
  }
  return found;
}
