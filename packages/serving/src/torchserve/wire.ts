import { jsonNonFinite } from "../json/json-non-finite.ts";
import { decoded } from "../kserve-v1/wire.ts";
import type { Wire } from "../wire.ts";

const prediction = /^\/predictions\/([^/?#]{1,1024})(?:\/[^/?#]{1,256})?(?:[?#]|$)/;

/** A prediction of TorchServe. Models that keep sequences get their id in the head of each request. */
export const torchserveWire: Wire = {
  protocol: "torchserve",
  route({ method, path, headers }) {
    const found = method === "POST" || method === "PUT" ? prediction.exec(path) : null;
    const model = found && decoded(found[1] ?? "");
    if (typeof model !== "string") return undefined;
    return { model, repeatable: headers.ts_request_sequence_id === undefined };
  },
  defect: (headers, body) => jsonNonFinite(headers, body),
};
