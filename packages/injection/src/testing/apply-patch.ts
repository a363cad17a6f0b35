import jsonpatch, { type Operation } from "fast-json-patch";

/** The value after an RFC 6902 patch, as the API server would have it; the value that comes in is not changed. */
export function applyPatch<T>(value: T, patch: readonly object[]): T {
  const own = JSON.parse(JSON.stringify(value)) as T;
  return jsonpatch.applyPatch(own, patch as Operation[], true).newDocument;
}
