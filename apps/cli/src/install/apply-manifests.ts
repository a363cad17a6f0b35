import { Fault } from "@locum/contracts";
import type { Manifest } from "@locum/injection";
import type { KubeObject, Kubernetes, Place, Resource } from "@locum/runtime/kubernetes";

/** Who owns the fields that an installation sets: what others set beside them stays. */
export const fieldManager = "locum";

/** Every kind that an installation has, by the plural of its path. */
const plurals: Record<string, string> = {
  Namespace: "namespaces",
  ServiceAccount: "serviceaccounts",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  Role: "roles",
  RoleBinding: "rolebindings",
  NetworkPolicy: "networkpolicies",
  Issuer: "issuers",
  Certificate: "certificates",
  ConfigMap: "configmaps",
  Secret: "secrets",
  Service: "services",
  PodDisruptionBudget: "poddisruptionbudgets",
  Deployment: "deployments",
  StatefulSet: "statefulsets",
  MutatingWebhookConfiguration: "mutatingwebhookconfigurations",
  MutatingAdmissionPolicy: "mutatingadmissionpolicies",
  MutatingAdmissionPolicyBinding: "mutatingadmissionpolicybindings",
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
};

/** Every resource in which an object of an installation may be, the last to be removed first in the list. */
export const installedResources: readonly (Resource & { kind: string })[] = [
  ["", "Namespace"],
  ["", "ServiceAccount"],
  ["rbac.authorization.k8s.io", "ClusterRole"],
  ["rbac.authorization.k8s.io", "ClusterRoleBinding"],
  ["rbac.authorization.k8s.io", "Role"],
  ["rbac.authorization.k8s.io", "RoleBinding"],
  ["networking.k8s.io", "NetworkPolicy"],
  // Below the Certificates: as long as those are there, cert-manager makes what is removed anew.
  ["", "Secret"],
  ["cert-manager.io", "Issuer"],
  ["cert-manager.io", "Certificate"],
  ["", "ConfigMap"],
  ["", "Service"],
  ["policy", "PodDisruptionBudget"],
  ["apps", "Deployment"],
  ["apps", "StatefulSet"],
  ["admissionregistration.k8s.io", "MutatingWebhookConfiguration"],
  ["admissionregistration.k8s.io", "MutatingAdmissionPolicy"],
  ["admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"],
  ["admissionregistration.k8s.io", "ValidatingAdmissionPolicy"],
  ["admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"],
].map(([group = "", kind = ""]) => ({ group, version: "v1", plural: plurals[kind] ?? "", kind }));

export function placeOf(object: KubeObject | Manifest): { resource: Resource; place: Place } {
  const [version = "", group = ""] = (object.apiVersion ?? "").split("/").reverse();
  const plural = plurals[object.kind ?? ""];
  if (plural === undefined)
    throw new Fault("request-invalid", `${object.kind}: not a kind of an installation`);
  const { name, namespace } = object.metadata;
  return { resource: { group, version, plural }, place: { name, ...(namespace ? { namespace } : {}) } };
}

export const nameOf = ({ kind, metadata }: KubeObject | Manifest): string =>
  `${String(kind).toLowerCase()}/${metadata.namespace ? `${metadata.namespace}/` : ""}${metadata.name}`;

/**
 * Server-side apply, in order; applying the same again changes nothing. Fields that another manager holds are taken
 * over: what an installation renders is Locum's to set.
 * @throws Fault of the first that the API server refuses
 */
export async function applyManifests(
  kubernetes: Kubernetes,
  objects: readonly Manifest[],
  {
    dryRun = false,
    signal,
    onApplied = () => undefined,
  }: { dryRun?: boolean; signal?: AbortSignal; onApplied?: (object: Manifest) => void } = {},
): Promise<void> {
  for (const object of objects) {
    const { resource, place } = placeOf(object);
    await kubernetes
      .apply(resource, place, object, { fieldManager, force: true, dryRun, ...(signal ? { signal } : {}) })
      .catch((error: unknown) => {
        throw refusedAs(error, object);
      });
    onApplied(object);
  }
}

function refusedAs(error: unknown, object: Manifest): unknown {
  if (!(error instanceof Fault)) return error;
  const hints: Record<string, string> = {
    MutatingAdmissionPolicy: "Mutating admission policies need Kubernetes 1.36: use admission webhook.",
    Certificate: "Is cert-manager installed? certificates: self needs none.",
    Issuer: "Is cert-manager installed? certificates: self needs none.",
  };
  const hint = hints[object.kind];
  return error.code === "not-found" && hint
    ? new Fault("not-found", `${nameOf(object)}: ${error.message}`, { hint, cause: error })
    : error;
}

/** Removes objects, the last applied first: what asks about pods goes before what answers. Gives those that were there. */
export async function removeManifests(
  kubernetes: Kubernetes,
  objects: readonly (Manifest | KubeObject)[],
  { signal }: { signal?: AbortSignal } = {},
): Promise<string[]> {
  const removed: string[] = [];
  for (const object of objects.toReversed()) {
    const { resource, place } = placeOf(object);
    const options = { body: { propagationPolicy: "Background" }, ...(signal ? { signal } : {}) };
    if (await kubernetes.remove(resource, place, options)) removed.push(nameOf(object));
  }
  return removed;
}
