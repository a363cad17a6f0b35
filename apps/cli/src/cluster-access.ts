import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import {
  type Access,
  createKubernetes,
  inClusterAccess,
  type Kubernetes,
  loadKubeconfig,
} from "@locum/runtime/kubernetes";
import type { Io } from "./io.ts";

/** Flags of every verb that asks the Kubernetes API. */
export const clusterFlags = {
  kubeconfig: { kind: "text", about: "file; else KUBECONFIG, ~/.kube/config, or this pod's own account" },
  context: { kind: "text", about: "of the kubeconfig; else its current one" },
} as const;

type ClusterFlags = { kubeconfig?: string | undefined; context?: string | undefined };
type Place = Pick<Io, "env" | "home" | "cwd">;

/**
 * The cluster that kubectl would talk to: as the flags say, else by KUBECONFIG or the home folder, else by the service
 * account of this pod. Null where there is none of them.
 * @throws Fault config-unreadable | config-invalid
 */
export async function accessCluster(
  { kubeconfig, context }: ClusterFlags,
  io: Place,
): Promise<Access | null> {
  const named = kubeconfig ?? fromEnvironment(io);
  const file = resolve(io.cwd, named ?? join(io.home, ".kube", "config"));
  // What is named must be there; what is only usual may be missing.
  if (named !== undefined || context !== undefined || existsSync(file))
    return loadKubeconfig(file, context === undefined ? {} : { context });
  const host = io.env("KUBERNETES_SERVICE_HOST");
  if (!host) return null;
  return inClusterAccess({
    env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: io.env("KUBERNETES_SERVICE_PORT") },
  });
}

/** The same, for verbs that can do nothing without one. */
export async function connectCluster(flags: ClusterFlags, io: Place): Promise<Kubernetes> {
  const access = await accessCluster(flags, io);
  if (access) return createKubernetes(access);
  throw noCluster();
}

export const noCluster = (): Fault =>
  new Fault("config-unreadable", "there is no kubeconfig: none is named, and none is found", {
    hint: "Name it with --kubeconfig, or set KUBECONFIG.",
  });

/** kubectl merges several files; the first that exists has the current context of most people. */
function fromEnvironment({ env, cwd }: Place): string | undefined {
  const files = (env("KUBECONFIG") ?? "").split(delimiter).filter((file) => file !== "");
  return files.find((file) => existsSync(resolve(cwd, file))) ?? files[0];
}
