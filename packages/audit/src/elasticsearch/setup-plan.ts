import { Fault } from "@locum/contracts";
import { type Asset, assetsFor } from "./assets.ts";
import { type Difference, differences } from "./differences.ts";
import { type LocumStream, locumNames, streamNames } from "./locum-streams.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { readAsset } from "./read-asset.ts";
import { readRollover } from "./read-rollover.ts";
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
  const { streams, plainIndices } = await locumNames(server);
  refusePlainIndex(plainIndices, namespace);
  const assets = assetsFor(traits);
  const steps: SetupStep[] = [];
  for (const asset of assets) steps.push(await assetStep(server, asset));
  const ecs = assets.find(({ name }) => name === "locum@ecs");
  if (ecs) for (const stream of streams.filter(isOurs)) steps.push(await rolloverStep(server, stream, ecs));
  const { family, version, lacks } = traits;
  return { family, version, lacks, traits, steps };
}

async function assetStep(server: Elasticsearch, asset: Asset): Promise<SetupStep> {
  const found = await readAsset(server, asset);
  const differ = found && !asset.isUsers ? differences(asset.body, found.body) : [];
  const state = !found ? "absent" : differ.length > 0 ? "different" : "same";
  return { asset, state, differences: differ, query: found?.query ?? {} };
}

async function rolloverStep(server: Elasticsearch, stream: LocumStream, ecs: Asset): Promise<SetupStep> {
  const differ = await readRollover(server, stream, ecs);
  const path = `/${encodeURIComponent(stream.name)}/_rollover`;
  const asset: Asset = { kind: "write-index", name: stream.name, path, body: {} };
  return { asset, state: differ.length > 0 ? "different" : "same", differences: differ, query: {} };
}

const isOurs = ({ name }: LocumStream): boolean => streamNames("").some((start) => name.startsWith(start));

function refusePlainIndex(plainIndices: readonly string[], namespace: string): void {
  const names = streamNames(namespace);
  const plain = plainIndices.find((name) => names.includes(name));
  if (plain !== undefined)
    throw new Fault("conflict", `${plain} is a plain index: expected a data stream, or nothing`, {
      hint: "It was written before the set-up. Delete it and run the set-up again: the log has it all.",
    });
}
