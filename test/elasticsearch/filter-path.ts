/** `filter_path`: only the named parts of an answer, `*` for any name and `**` for any depth, through lists as well. */
export function filterPath(body: unknown, paths: string): unknown {
  return part(
    body,
    paths.split(",").map((path) => path.split(".")),
  );
}

function part(value: unknown, paths: readonly string[][]): unknown {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) {
    const kept = value.map((one) => part(one, paths)).filter((one) => one !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const further = paths.flatMap(([head = "", ...rest]) =>
      head === "**"
        ? [[head, ...rest], ...(rest[0] === name ? [rest.slice(1)] : [])]
        : isNamed(head, name)
          ? [rest]
          : [],
    );
    const found = further.length > 0 ? part(inner, further) : undefined;
    return found === undefined ? [] : [[name, found] as const];
  });
  return kept.length > 0 ? Object.fromEntries(kept) : undefined;
}

const isNamed = (pattern: string, name: string): boolean =>
  pattern === name || (pattern.includes("*") && new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(name));
