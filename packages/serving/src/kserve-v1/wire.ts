import { jsonNonFinite } from "../json/json-non-finite.ts";
import type { Wire } from "../wire.ts";

const predict =
  /^\/v1\/models\/([^/:?#]{1,1024})(?:\/versions\/[^/:?#]{1,256}|\/labels\/[^/:?#]{1,256})?:predict(?:[?#]|$)/;

/** A v1 prediction of KServe or TensorFlow Serving. It keeps no state on the server. */
export const kserveV1Wire: Wire = {
  protocol: "kserve-v1",
  route({ method, path }) {
    const found = method === "POST" ? predict.exec(path) : null;
    const model = found && decoded(found[1] ?? "");
    return typeof model === "string" ? { model, repeatable: true } : undefined;
  },
  defect: (headers, body) => jsonNonFinite(headers, body, { numeric: ["predictions", "outputs"] }),
};

/** Percent-decoded; undefined where it is not encoded rightly. */
export function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
