import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export type Scripted = { status?: number; headers?: Record<string, string>; body?: unknown };
export type Asked = { line: string; headers: IncomingHttpHeaders; body: Buffer };
export type ScriptedServer = { url: string; asked: Asked[]; connections(): number; close(): Promise<void> };

/** For tests: a server that gives each `METHOD /path` of the script its answer, 404 to all else, and keeps what came. */
export async function startScriptedServer(script: Record<string, Scripted>): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const line = `${request.method} ${request.url}`;
    asked.push({ line, headers: request.headers, body: Buffer.concat(chunks) });
    const {
      status = 200,
      headers = {},
      body = "",
    } = script[line] ?? { status: 404, body: { error: "Not Found" } };
    response.writeHead(status, headers);
    response.end(typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
