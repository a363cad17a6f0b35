import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Kept = { status: number; type: string; body: Buffer };
export type ProxyServer = { url: string; cache: Map<string, Kept>; close(): Promise<void> };

/**
 * The same model server by another way. `name`: it says that this is its name, and is reloaded as one of that name is.
 * `caches`: answers to inferences are kept by the whole request, for ever: the cache that nobody thought of.
 */
export async function startProxy(
  to: string,
  { name, caches = false }: { name?: string; caches?: boolean } = {},
): Promise<ProxyServer> {
  const cache = new Map<string, Kept>();
  const answer = async (request: IncomingMessage): Promise<Kept> => {
    const { method = "GET", url = "/", headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const type = headers["content-type"] ?? "application/json";
    if (name !== undefined && url === "/v2")
      return { status: 200, type, body: Buffer.from(JSON.stringify({ name, version: "1", extensions: [] })) };
    const key = `${url} ${body}`;
    const known = caches ? cache.get(key) : undefined;
    if (known) return known;
    const given = method === "POST" ? { body, headers: { "content-type": type } } : {};
    const got = await fetch(`${to}${url}`, { method, ...given });
    const kept = {
      status: got.status,
      type: got.headers.get("content-type") ?? type,
      body: Buffer.from(await got.arrayBuffer()),
    };
    if (caches && url.endsWith("/infer") && got.ok) cache.set(key, kept);
    return kept;
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    answer(request).then(
      ({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cache,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
