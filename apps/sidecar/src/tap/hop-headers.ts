/** Tells a peer's tap that this request has been forwarded already: it is served by its own server or not at all. */
export const hopHeader = "locum-hop";

/** Lower-case names that a `Connection` header declares as meant for one connection only, or undefined. */
export function connectionNames(rawHeaders: readonly string[]): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    for (const token of (rawHeaders[i + 1] ?? "").toLowerCase().split(",")) {
      const declared = token.trim();
      if (declared === "" || declared === "keep-alive" || declared === "close" || kept.has(declared))
        continue;
      names ??= new Set();
      names.add(declared);
    }
  }
  return names;
}

/**
 * Whether a header belongs to one connection and is not passed on. `Transfer-Encoding` is not among them: both
 * sides frame alike, so it is passed in its place and spelling. `TE` and `Trailer` pass as trailers do.
 */
export function isHopHeader(name: string, declared: Set<string> | undefined): boolean {
  switch (name.length) {
    case 7:
    case 9:
    case 10:
    case 16:
      if (hopNames.has(name.toLowerCase())) return true;
  }
  return declared?.has(name.toLowerCase()) ?? false;
}

const hopNames = new Set(["connection", "keep-alive", "proxy-connection", "upgrade", hopHeader]);

// A client that lists these under Connection would change how its own request is framed or routed.
const kept = new Set(["transfer-encoding", "content-length", "host", "expect", "te", "trailer"]);
