import { type AuditStream, auditStreamName, auditStreams, Fault } from "@locum/contracts";
import { type Asset, assetsFor } from "./assets.ts";
import { type Difference, differences } from "./differences.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { readAsset } from "./read-asset.ts";
import { reasonOf } from "./reason-of.ts";
import { readTraits, type ServerTraits } from "./server-traits.ts";

/** One step: what is to be put on the server, and how that stands to what is there. */
export type SetupStep = {
  asset: Asset;
  state: "same" | "absent" | "different";
  differences: Difference[];
  /** Query parameters by which the server sees that nobody changed it meanwhile. */
  query: Record<string, number>;
};

export type SetupPlan = Pick<ServerTraits, "family" | "version" | "lacks"> & {
  traits: ServerTraits;
  steps: SetupStep[];
};

/**
 * What the set-up would do, in order; nothing is changed.
 * @throws Fault upstream-unreachable | upstream-protocol | upstream-refused | not-authenticated | not-authorised, or
 * conflict where a plain index has the name of a stream
 */
export async function setupPlan(
  server: Elasticsearch,
  { namespace = "default" }: { namespace?: string } = {},
): Promise<SetupPlan> {
  const traits = await readTraits(server);
  await refusePlainIndices(server, namespace);
  const steps: SetupStep[] = [];
  for (const asset of assetsFor(traits)) {
    const found = await readAsset(server, asset);
    const differ = found && !asset.isUsers ? differences(asset.body, found.body) : [];
    const state = !found ? "absent" : differ.length > 0 ? "different" : "same";
    steps.push({ asset, state, differences: differ, query: found?.query ?? {} });
  }
  const { family, version, lacks } = traits;
  return { family, version, lacks, traits, steps };
}

async function refusePlainIndices(server: Elasticsearch, namespace: string): Promise<void> {
  const answer = await server.request({ method: "GET", path: "/_resolve/index/logs-locum.*" });
  if (answer.status === 401 || answer.status === 403)
    throw new Fault("not-authorised", `the names of indices were not told: ${reasonOf(answer)}`, {
      hint: "The set-up needs view_index_metadata and manage on logs-locum.*.",
    });
  const indices = (answer.body as { indices?: { name?: unknown }[] } | null)?.indices ?? [];
  const streams = (Object.keys(auditStreams) as AuditStream[]).map((stream) =>
    auditStreamName(stream, namespace),
  );
  const plain = indices.find(({ name }) => streams.includes(String(name)));
  if (plain)
    throw new Fault("conflict", `${plain.name} is a plain index: expected a data stream, or nothing`, {
      hint: "It was written before the set-up. Look at it, delete it, and run the set-up again: the log has it all.",
    });
}
