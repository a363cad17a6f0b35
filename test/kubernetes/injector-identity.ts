import { writeFile } from "node:fs/promises";
import { installValues, renderInstall, webhookNames } from "@locum/injection";
import { resources } from "@locum/runtime/kubernetes";
import { applyRights } from "./apply-rights.ts";
import type { Cluster } from "./start-kubernetes.ts";

const { namespace, serviceAccount: name } = webhookNames;

/**
 * The service account of the injector with the rights that an installation gives it, and a kubeconfig by which a process outside of the
 * cluster is that account.
 */
export async function injectorKubeconfig(cluster: Cluster): Promise<string> {
  const { client, kubeconfig } = cluster;
  await applyRights(cluster, renderInstall(installValues()), name);
  const { status } = await client.create(
    resources.serviceAccounts,
    { namespace, name, sub: "token" },
    { spec: { expirationSeconds: 3600 } },
  );
  const { ca } = await client.access.credentials();
  const file = `${kubeconfig}.injector`;
  await writeFile(
    file,
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "k", user: "u", namespace } }],
      clusters: [
        {
          name: "k",
          cluster: {
            server: client.access.server,
            "certificate-authority-data": Buffer.from(ca ?? "").toString("base64"),
          },
        },
      ],
      users: [{ name: "u", user: { token: (status as { token: string }).token } }],
    }),
    { mode: 0o600 },
  );
  return file;
}
