export const requestIdHeader = "x-request-id";

/** The same headers with this id and no other; untouched where that is so already. */
export function withRequestId(rawHeaders: string[], id: string): string[] {
  const kept: string[] = [];
  let found = 0;
  let isRight = true;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    const value = rawHeaders[at + 1] ?? "";
    if (name.length !== requestIdHeader.length || name.toLowerCase() !== requestIdHeader) {
      kept.push(name, value);
      continue;
    }
    found += 1;
    isRight &&= value === id;
  }
  if (found === 1 && isRight) return rawHeaders;
  kept.push(requestIdHeader, id);
  return kept;
}
