/**
 * Model and version of a request path that is a v2 inference, `/v2/models/M[/versions/V]/infer`; undefined for every
 * other path. Names are percent-decoded; a query is ignored.
 */
export function inferRoute(path: string): { model: string; version?: string } | undefined {
  const found = pattern.exec(path);
  if (!found) return undefined;
  try {
    const model = decodeURIComponent(found[1] ?? "");
    return found[2] === undefined ? { model } : { model, version: decodeURIComponent(found[2]) };
  } catch {
    return undefined;
  }
}

const pattern = /^\/v2\/models\/([^/?#]{1,1024})(?:\/versions\/([^/?#]{1,256}))?\/infer(?:[?#]|$)/;
