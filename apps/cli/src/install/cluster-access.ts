import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import type { FlagSpec } from "@locum/runtime";
import {
  createKubernetes,
  inClusterAccess,
  type Kubernetes,
  loadKubeconfig,
} from "@locum/runtime/kubernetes";
import type { Io } from "../io.ts";

export const clusterFlags = {
  kubeconfig: { kind: "text", about: "file; else KUBECONFIG, ~/.kube/config, or this pod's own account" },
  context: { kind: "text", about: "of the kubeconfig; else its current one" },
} as const satisfies Record<string, FlagSpec>;

/**
 * The cluster that kubectl would talk to.
 * @throws Fault config-unreadable | config-invalid
 */
export async function connectCluster(
  { kubeconfig, context }: { kubeconfig: string | undefined; context: string | undefined },
  io: Pick<Io, "env" | "home" | "cwd">,
): Promise<Kubernetes> {
  const file = kubeconfig ?? firstOf(io.env("KUBECONFIG")) ?? join(io.home, ".kube/config");
  const path = resolve(io.cwd, file);
  const isNamed = kubeconfig !== undefined || context !== undefined || io.env("KUBECONFIG") !== undefined;
  if (isNamed || existsSync(path))
    return createKubernetes(await loadKubeconfig(path, context === undefined ? {} : { context }));
  if (io.env("KUBERNETES_SERVICE_HOST"))
    return createKubernetes(
      await inClusterAccess({
        env: {
          KUBERNETES_SERVICE_HOST: io.env("KUBERNETES_SERVICE_HOST"),
          KUBERNETES_SERVICE_PORT: io.env("KUBERNETES_SERVICE_PORT"),
        },
      }),
    );
  throw new Fault("config-unreadable", `no cluster: there is no ${path}`, {
    hint: "Name a kubeconfig with --kubeconfig or KUBECONFIG.",
  });
}

/** kubectl merges several files; the first that exists has the current context of most people. */
const firstOf = (list: string | undefined): string | undefined =>
  (list ?? "").split(delimiter).find((file) => file !== "" && existsSync(file)) ?? (list || undefined);
