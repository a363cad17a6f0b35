import type { HttpJson } from "@locum/contracts";
import { jsonNonFinite } from "../json/json-non-finite.ts";
import { decoded } from "../kserve-v1/wire.ts";
import type { Wire } from "../wire.ts";

/** The configured inference path of a server of no known protocol. */
export function httpJsonWire({ infer, models, idempotent }: HttpJson): Wire {
  const pattern = patternOf(infer);
  const [only] = models;
  return {
    protocol: "http-json",
    route({ method, path }) {
      const found = method === "POST" ? pattern.exec(path) : null;
      if (!found) return undefined;
      const named = found[1] === undefined ? undefined : decoded(found[1]);
      return { model: named ?? (models.length === 1 ? only : undefined), repeatable: idempotent };
    },
    defect: (headers, body) => jsonNonFinite(headers, body),
  };
}

/** The configured path, word by word; the first `{model}` is one segment, a query of the request's own may follow. */
function patternOf(infer: string): RegExp {
  const [before = "", ...after] = infer
    .split("{model}")
    .map((part) => part.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&"));
  const path = after.length === 0 ? before : `${before}([^/?#]{1,1024})${after.join("[^/?#]{1,1024}")}`;
  return new RegExp(`^${path}(?:[?#&]|$)`);
}
