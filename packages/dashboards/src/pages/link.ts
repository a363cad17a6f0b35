export type LinkQuery = Record<string, string | number | null | undefined | readonly string[]>;

/** A path on this collector with its query; parts of the path are encoded, what is empty is left out. */
export function link(path: readonly string[], query: LinkQuery = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== null && one !== undefined && one !== "") search.append(name, String(one));
  const text = search.toString();
  return `/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}
