import { assert } from "@locum/contracts";

/** One kind of object, as its path names it. */
export type Resource = { group: string; version: string; plural: string };
/** Where an object stands; a cluster's own object has no namespace. */
export type Place = { namespace?: string | undefined; name?: string | undefined; sub?: string | undefined };

/** What came from the API server: only what every object has is typed. */
export type KubeObject = {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
    [field: string]: unknown;
  };
  [field: string]: unknown;
};

const core = (plural: string): Resource => ({ group: "", version: "v1", plural });
const named = (group: string, plural: string): Resource => ({ group, version: "v1", plural });

export const resources = {
  namespaces: core("namespaces"),
  nodes: core("nodes"),
  pods: core("pods"),
  services: core("services"),
  secrets: core("secrets"),
  configMaps: core("configmaps"),
  events: core("events"),
  serviceAccounts: core("serviceaccounts"),
  persistentVolumeClaims: core("persistentvolumeclaims"),
  deployments: named("apps", "deployments"),
  statefulSets: named("apps", "statefulsets"),
  daemonSets: named("apps", "daemonsets"),
  replicaSets: named("apps", "replicasets"),
  leases: named("coordination.k8s.io", "leases"),
  endpointSlices: named("discovery.k8s.io", "endpointslices"),
  disruptionBudgets: named("policy", "poddisruptionbudgets"),
  autoscalers: { group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers" },
  mutatingWebhooks: named("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
  mutatingPolicies: named("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
  validatingPolicies: named("admissionregistration.k8s.io", "validatingadmissionpolicies"),
  tokenReviews: named("authentication.k8s.io", "tokenreviews"),
  selfAccessReviews: named("authorization.k8s.io", "selfsubjectaccessreviews"),
} as const satisfies Record<string, Resource>;

/** `/api/v1/namespaces/NS/pods/NAME/log`; a name is never able to leave its segment. */
export function pathOf({ group, version, plural }: Resource, { namespace, name, sub }: Place = {}): string {
  assert(sub === undefined || name !== undefined, "a subresource is of a named object");
  const segments = [
    ...(group === "" ? ["api"] : ["apis", group]),
    version,
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(sub === undefined ? [] : [sub]),
  ];
  for (const segment of segments)
    assert(segment !== "" && segment !== "." && segment !== "..", `"${segment}" is a segment of a path`);
  return `/${segments.map(encodeURIComponent).join("/")}`;
}
