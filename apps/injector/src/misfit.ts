import type { IncomingMessage } from "node:http";

export type Misfit = { status: 404 | 405 | 413 | 415 | 503; message: string };

/** What is wrong with a request before its body is read; null where it may be a review. */
export function misfit(
  { method, url, headers }: Pick<IncomingMessage, "method" | "url" | "headers">,
  { paths, bytesMax }: { paths: readonly string[]; bytesMax: number },
): Misfit | null {
  const path = pathOf(url);
  if (!paths.includes(path))
    return {
      status: 404,
      message: `expected ${paths.join(" or ")}, found ${JSON.stringify(path.slice(0, 100))}`,
    };
  if (method !== "POST") return { status: 405, message: `expected POST, found ${method}` };
  const type = headers["content-type"] ?? "nothing";
  if (!/^application\/json\s*(;|$)/i.test(type))
    return { status: 415, message: `expected content-type application/json, found ${type.slice(0, 100)}` };
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    return { status: 415, message: `expected content-encoding identity, found ${encoding.slice(0, 100)}` };
  const declared = Number(headers["content-length"] ?? 0);
  return declared > bytesMax
    ? { status: 413, message: `expected a body of at most ${bytesMax} bytes, found ${declared}` }
    : null;
}

/** Without the query: the API server adds its timeout there. */
export const pathOf = (url: string | undefined): string => (url ?? "").split("?", 1)[0] ?? "";
