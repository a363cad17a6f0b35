import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { assetsFor } from "./assets.ts";
import type { ServerTraits } from "./server-traits.ts";

const common = { serverless: false, ingest: true, streams: true, apiKeys: true, lacks: [] };
const servers: Record<string, ServerTraits> = {
  "elasticsearch-9": {
    ...common,
    family: "elasticsearch",
    version: "9.5.3",
    lifecycle: "stream",
    failureStore: true,
  },
  "elasticsearch-8": {
    ...common,
    family: "elasticsearch",
    version: "8.19.21",
    lifecycle: "ilm",
    failureStore: false,
  },
  "opensearch-3": {
    ...common,
    family: "opensearch",
    version: "3.8.0",
    lifecycle: "ism",
    failureStore: false,
  },
};

test.each(Object.entries(servers))(
  "deploy/elasticsearch/%s.json is what the set-up puts there",
  async (name, traits) => {
    const file = new URL(`../../../../deploy/elasticsearch/${name}.json`, import.meta.url);
    const requests = Object.fromEntries(assetsFor(traits).map(({ path, body }) => [`PUT ${path}`, body]));
    // Rewritten by LOCUM_UPDATE=1.
    if (process.env.LOCUM_UPDATE === "1") await writeFile(file, `${JSON.stringify(requests, null, 2)}\n`);
    const written = JSON.parse(await readFile(file, "utf8"));
    expect(Object.entries(written)).toEqual(Object.entries(requests));
  },
);

test.each(Object.entries(servers))("%s gets at most 90 fields", (_, traits) => {
  const [mappings = {}] = assetsFor(traits)
    .filter(({ name }) => name === "locum@ecs")
    .map(({ body }) => (body.template as { mappings: Branch }).mappings);
  expect(leaves(mappings)).toBeGreaterThan(30);
  expect(leaves(mappings)).toBeLessThanOrEqual(90);
});

type Branch = { properties?: Record<string, Branch> };
const leaves = ({ properties }: Branch): number =>
  properties ? Object.values(properties).reduce((sum, branch) => sum + leaves(branch), 0) : 1;
