export { type Access, type Credentials, inClusterAccess } from "./access.ts";
export { createKubernetes, type Kubernetes, type KubernetesOptions } from "./client.ts";
export { type Change, follow } from "./follow.ts";
export { kubeconfigAccess, loadKubeconfig } from "./kubeconfig.ts";
export { type KubeObject, type Place, pathOf, type Resource, resources } from "./resource.ts";
export type { WatchEvent } from "./watch.ts";
