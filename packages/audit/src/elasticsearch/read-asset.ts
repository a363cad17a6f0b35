import { Fault } from "@locum/contracts";
import type { Asset } from "./assets.ts";
import type { Elasticsearch } from "./open-elasticsearch.ts";
import { reasonOf } from "./reason-of.ts";
import { refusalOf } from "./refusal-of.ts";

export type FoundAsset = { body: Record<string, unknown>; query: Record<string, number> };

/** An asset as it is on the server, in the form in which it is put there; undefined where it is not. */
export async function readAsset(server: Elasticsearch, asset: Asset): Promise<FoundAsset | undefined> {
  const answer = await server.request({ method: "GET", path: asset.path });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw refusalOf(answer, `GET ${asset.path}`);
  const found = unwrap(asset, answer.body as Record<string, unknown>);
  if (!found) throw new Fault("upstream-protocol", `GET ${asset.path}: ${reasonOf(answer)}`);
  return found;
}

function unwrap({ kind, name }: Asset, answer: Record<string, unknown>): FoundAsset | undefined {
  const from = (body: unknown, query = {}): FoundAsset | undefined =>
    typeof body === "object" && body !== null ? { body: body as Record<string, unknown>, query } : undefined;
  const named = (list: unknown, inner: string): unknown =>
    (list as Record<string, unknown>[] | undefined)?.find((one) => one.name === name)?.[inner];
  switch (kind) {
    case "component-template":
      return from(named(answer.component_templates, "component_template"));
    case "index-template":
      return from(named(answer.index_templates, "index_template"));
    case "pipeline":
    case "ilm-policy":
      return from(answer[name]);
    case "ism-policy":
      return from(answer, {
        if_seq_no: Number(answer._seq_no),
        if_primary_term: Number(answer._primary_term),
      });
    case "write-index":
      return undefined;
  }
}
