import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { type Access, inClusterAccess, loadKubeconfig } from "@locum/runtime/kubernetes";
import type { Io } from "./io.ts";

/** Flags of every verb that asks the Kubernetes API. */
export const clusterFlags = {
  kubeconfig: { kind: "text", about: "kubeconfig, instead of KUBECONFIG and ~/.kube/config" },
  context: { kind: "text", about: "context of it, instead of the current one" },
} as const;

/** The kubeconfig that is meant where none is named: that of KUBECONFIG (its first file), or of the home folder. */
export function kubeconfigOf({ env, home }: Pick<Io, "env" | "home">): string | null {
  const [first] = (env("KUBECONFIG") ?? "").split(delimiter).filter((file) => file !== "");
  const file = first ?? join(home, ".kube", "config");
  return first !== undefined || existsSync(file) ? file : null;
}

/**
 * Where the cluster is: as the flags say, else as kubectl finds it, else as the service account of this pod. Null where
 * there is none of them.
 * @throws Fault config-unreadable | config-invalid
 */
export async function accessCluster(
  { kubeconfig, context }: { kubeconfig?: string | undefined; context?: string | undefined },
  io: Pick<Io, "env" | "home" | "cwd">,
): Promise<Access | null> {
  const file = kubeconfig === undefined ? kubeconfigOf(io) : resolve(io.cwd, kubeconfig);
  if (file !== null) return loadKubeconfig(file, context === undefined ? {} : { context });
  const host = io.env("KUBERNETES_SERVICE_HOST");
  if (!host) return null;
  return inClusterAccess({
    env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: io.env("KUBERNETES_SERVICE_PORT") },
  });
}
