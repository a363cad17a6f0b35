import { type Client, Fault, type RepositoryView } from "@locum/contracts";

/** How snapshots stand; a collector of the version before says nothing of them. */
export async function readRepositories(client: Client, service?: string): Promise<RepositoryView[]> {
  try {
    return await client.repositories(service === undefined ? {} : { service });
  } catch (error) {
    if (error instanceof Fault && error.code === "not-found") return [];
    throw error;
  }
}
