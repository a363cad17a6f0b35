import type { Manifest } from "@locum/injection";
import type { Cluster } from "./start-kubernetes.ts";

const kinds = ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];

/** The service account of one part, and of an installation exactly the rights that are that part's. */
export async function applyRights(
  { run }: Cluster,
  installed: readonly Manifest[],
  account: string,
): Promise<void> {
  const items = installed.filter(({ kind, metadata: { name } }) => kinds.includes(kind) && name === account);
  const namespaces = [...new Set(items.flatMap(({ metadata: { namespace = [] } }) => namespace))];
  const missing = namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
  const list = { apiVersion: "v1", kind: "List", items: [...missing, ...items] };
  await run("kubectl", ["apply", "-f", "-"], JSON.stringify(list));
}
