import { type Client, Fault, type PodsView } from "@locum/contracts";

/** Pods as the collector sees them; a collector of the version before knows none. */
export async function readPods(client: Client, service?: string): Promise<PodsView> {
  try {
    return await client.pods(service === undefined ? {} : { service });
  } catch (error) {
    if (error instanceof Fault && error.code === "not-found") return { kubernetes: "off", pods: [] };
    throw error;
  }
}
