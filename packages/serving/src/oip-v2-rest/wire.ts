import { modelKey } from "@locum/contracts";
import type { Wire } from "../wire.ts";
import { firstNonFinite } from "./first-non-finite.ts";
import { inferRoute } from "./infer-route.ts";

/** A v2 inference over REST. Whether it belongs to a sequence stands in its body; its caller keeps count of those. */
export const oipV2RestWire: Wire = {
  protocol: "oip-v2-rest",
  route({ method, path }) {
    const found = method === "POST" ? inferRoute(path) : undefined;
    return found && { model: modelKey(found), repeatable: true };
  },
  defect(headers, body) {
    const found = firstNonFinite(headers, body);
    return found && { kind: "not-finite", detail: `output ${found.output}[${found.index}]` };
  },
};
