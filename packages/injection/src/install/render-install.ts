import { certificateAuthority } from "./cert-manager.ts";
import { collectorManifests } from "./collector-manifests.ts";
import { guardPolicies } from "./guard-policies.ts";
import { injectorManifests } from "./injector-manifests.ts";
import { type Manifest, manifest } from "./manifest.ts";
import { networkPolicies } from "./network-policies.ts";
import { sidecarPolicies } from "./sidecar-policy.ts";
import type { InstallValues } from "./values.ts";

/**
 * Every object of an installation, in the order in which they are applied. Pure: `locum install`, the Helm chart and
 * the kustomize base are this list and nothing else. What refuses or changes pods comes last, after what answers it.
 */
export function renderInstall(values: InstallValues): Manifest[] {
  const isWebhook = values.admission === "webhook";
  return byOrder([
    namespace(values),
    ...certificateAuthority(values),
    ...(isWebhook ? injectorManifests(values) : sidecarPolicies(values)),
    ...collectorManifests(values),
    ...networkPolicies(values),
    ...guardPolicies(values),
  ]);
}

const namespace = (values: InstallValues): Manifest =>
  manifest("v1", "Namespace", {
    name: values.namespace,
    component: "namespace",
    labels: {
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/audit": "restricted",
      "pod-security.kubernetes.io/warn": "restricted",
    },
  });

const order = [
  "Namespace",
  "ServiceAccount",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "NetworkPolicy",
  "Issuer",
  "Certificate",
  "ConfigMap",
  "Service",
  "PodDisruptionBudget",
  "Deployment",
  "StatefulSet",
  "MutatingWebhookConfiguration",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionPolicyBinding",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
];

const byOrder = (objects: readonly Manifest[]): Manifest[] =>
  objects.toSorted((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
