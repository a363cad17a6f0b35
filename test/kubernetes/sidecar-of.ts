import type { KubeObject } from "@locum/runtime/kubernetes";

type Container = {
  name: string;
  restartPolicy?: string;
  volumeMounts?: { mountPath: string }[];
  resources?: object;
};
export type Spec = { containers: Container[]; initContainers?: Container[] };

/** Native or not; undefined where the pod has none. */
export function sidecarOf({ spec }: KubeObject): Container | undefined {
  const { containers, initContainers = [] } = spec as Spec;
  return [...initContainers, ...containers].find(({ name }) => name === "locum-sidecar");
}
