import { writeFile } from "node:fs/promises";
import { webhookNames } from "@locum/injection";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import type { Cluster } from "./start-kubernetes.ts";

const rbac = (plural: string) => ({ group: "rbac.authorization.k8s.io", version: "v1", plural });
const { namespace, serviceAccount: name, secret, webhookConfiguration } = webhookNames;

/**
 * The service account of the injector with the least that it needs, and a kubeconfig by which a process outside of the
 * cluster is that account.
 */
export async function injectorKubeconfig({ client, kubeconfig }: Cluster): Promise<string> {
  await client.create(resources.namespaces, {}, { metadata: { name: namespace } });
  await client.create(resources.serviceAccounts, { namespace }, { metadata: { name } });
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  await grant(client, "Role", {
    subjects,
    rules: [
      { apiGroups: [""], resources: ["secrets"], verbs: ["get", "update"], resourceNames: [secret] },
      { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    ],
  });
  await grant(client, "ClusterRole", {
    subjects,
    rules: [
      {
        apiGroups: ["admissionregistration.k8s.io"],
        resources: ["mutatingwebhookconfigurations"],
        verbs: ["get", "patch"],
        resourceNames: [webhookConfiguration],
      },
    ],
  });
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

async function grant(
  client: Kubernetes,
  kind: "Role" | "ClusterRole",
  { subjects, rules }: { subjects: object[]; rules: object[] },
): Promise<void> {
  const place = kind === "Role" ? { namespace } : {};
  const plural = kind === "Role" ? "roles" : "clusterroles";
  const bindings = kind === "Role" ? "rolebindings" : "clusterrolebindings";
  await client.create(rbac(plural), place, { metadata: { name }, rules });
  await client.create(rbac(bindings), place, {
    metadata: { name },
    subjects,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
  });
}
