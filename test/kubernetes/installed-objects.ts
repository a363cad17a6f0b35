import type { Cluster } from "./start-kubernetes.ts";

type Listed = { items: { kind: string; metadata: { name: string; namespace?: string } }[] };

/** Every object of the cluster, of whatever kind, that bears the label of an installation. */
export async function labelledObjects({ run }: Cluster): Promise<string[]> {
  const kinds = (await run("kubectl", ["api-resources", "--verbs=list", "-o", "name"])).split("\n");
  const wanted = kinds.filter((kind) => kind !== "" && !kind.startsWith("events"));
  const text = await run("kubectl", [
    "get",
    wanted.join(","),
    "-A",
    "-l",
    "locum.dev/install=locum",
    "-o",
    "json",
  ]);
  const { items } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as Listed;
  return items
    .map(
      ({ kind, metadata }) =>
        `${kind.toLowerCase()}/${metadata.namespace ? `${metadata.namespace}/` : ""}${metadata.name}`,
    )
    .toSorted();
}

/** No storage class makes one here: the claim of the collector finds it by its size. */
export const persistentVolume = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "locum-data" },
  spec: {
    capacity: { storage: "20Gi" },
    accessModes: ["ReadWriteOnce"],
    persistentVolumeReclaimPolicy: "Retain",
    hostPath: { path: "/var/lib/locum-test" },
  },
};
