import { Fault, type Release } from "@locum/contracts";
import { accessCollector } from "../collector-access.ts";
import type { Output } from "../output.ts";

type Where = { config: string; collector?: string | undefined; "token-file"?: string | undefined };

/**
 * Hands a release to the collector. One that is named must be reached; one that may run is told if it does: sidecars
 * and collector read the folder of releases too, when they start.
 * @throws Fault
 */
export async function postRelease(out: Output, where: Where, release: Release): Promise<boolean> {
  try {
    const { client } = await accessCollector(where);
    await client.approveRelease(release);
    out.progress("the collector has it");
    return true;
  } catch (error) {
    const isAway = error instanceof Fault && /^(collector-unreachable|not-authenticated)$/.test(error.code);
    if (where.collector !== undefined || !isAway) throw error;
    return false;
  }
}
