import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";

/** PEM texts, and the bearer token. */
export type Credentials = {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
  token?: string | undefined;
  /** The name that the server's certificate must have, where it is not the host of the URL. */
  serverName?: string | undefined;
};

/** Where the API server is, and as whom it is asked. */
export type Access = {
  /** `https://host:port`, without a slash at the end. */
  server: string;
  /** Asked before every call: a kubelet replaces token and authority under a running process. */
  credentials(): Promise<Credentials>;
  /** The namespace of the service account, or of the context. */
  namespace: string | undefined;
};

const mount = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * As the service account of this pod.
 * @throws Fault config-invalid, outside of a pod
 */
export async function inClusterAccess({
  env = process.env,
  dir = mount,
}: {
  env?: Readonly<Record<string, string | undefined>>;
  dir?: string;
} = {}): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (!host)
    throw new Fault("config-invalid", "expected KUBERNETES_SERVICE_HOST, found nothing: this is no pod", {
      hint: "Name a kubeconfig file, or run it in the cluster.",
    });
  const read = (name: string): Promise<string> =>
    readFile(join(dir, name), "utf8").catch((cause: unknown) => {
      throw new Fault("config-invalid", `${join(dir, name)} cannot be read`, {
        hint: "Does the pod have a service account, with automountServiceAccountToken not false?",
        cause,
      });
    });
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    credentials: async () => ({ ca: await read("ca.crt"), token: (await read("token")).trim() }),
    namespace: (await read("namespace")).trim(),
  };
}
