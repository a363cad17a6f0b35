import type { Asset } from "./assets.ts";
import { type Difference, differences } from "./differences.ts";
import type { LocumStream } from "./locum-streams.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { refusalOf } from "./refusal-of.ts";

/**
 * What the index that a stream writes to lacks of the mapping. A template is for indices to come: where something is
 * lacking, the stream has to go on with a new one. What the user added, and what is found in facts, is not ours.
 */
export async function readRollover(
  server: Elasticsearch,
  { name, writeIndex }: LocumStream,
  ecs: Asset,
): Promise<Difference[]> {
  const path = `/${encodeURIComponent(writeIndex)}/_mapping`;
  const answer = await server.request({ method: "GET", path });
  if (answer.status !== 200) throw refusalOf(answer, `GET ${path}`);
  const found = (answer.body as Record<string, { mappings?: { properties?: object } }>)[writeIndex];
  const { mappings } = ecs.body.template as { mappings: { properties: object } };
  return differences(
    { [name]: { properties: mappings.properties } },
    { [name]: { properties: found?.mappings?.properties ?? {} } },
  ).filter(({ path: at }) => !isDefault.test(at));
}

/** `type: object` is what an object without a type is, and servers leave it out. */
const isDefault = /\.details\.type$/;
