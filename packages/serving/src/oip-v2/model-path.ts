import { splitModelKey } from "@locum/contracts";

/** Path of a model, or of the version that `M@V` names. */
export function modelPath(key: string): string {
  const { model, version } = splitModelKey(key);
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return version === undefined ? path : `${path}/versions/${encodeURIComponent(version)}`;
}
