import { Agent, type IncomingHttpHeaders, request } from "node:http";

export type Said = { status: number; headers: IncomingHttpHeaders; body: Buffer };
export type Asked = {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Sent in so many pieces, without a told length. */
  pieces?: number;
};
export type HttpClient = {
  send(asked: Asked): Promise<Said>;
  /** Connections that were opened until now. */
  connections(): number;
  close(): void;
};

const timeoutMs = 60_000;

/** A plain client that neither repeats, nor follows, nor decodes anything: what the wire says is what it gives. */
export function httpClient(url: string, { sockets = 32 }: { sockets?: number } = {}): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const seen = new WeakSet<object>();
  let connections = 0;
  return {
    send: ({ method = "GET", path, headers = {}, body, pieces = 1 }) =>
      new Promise((resolve, reject) => {
        const whole = body === undefined ? undefined : Buffer.from(body);
        const length =
          whole === undefined || pieces > 1 ? {} : { "content-length": String(whole.byteLength) };
        const sent = request(
          new URL(path, url),
          { agent, method, headers: { ...length, ...headers }, timeout: timeoutMs },
          (answer) => {
            // Some servers send a body after this head, against the protocol; nobody reads it.
            if (method === "HEAD") {
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.alloc(0) });
            }
            const chunks: Buffer[] = [];
            answer.on("data", (chunk: Buffer) => chunks.push(chunk));
            answer.on("error", reject);
            answer.on("end", () =>
              resolve({
                status: answer.statusCode ?? 0,
                headers: answer.headers,
                body: Buffer.concat(chunks),
              }),
            );
          },
        );
        sent.on("socket", (socket) => {
          if (!seen.has(socket)) connections += 1;
          seen.add(socket);
        });
        sent.on("timeout", () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
        sent.on("error", reject);
        if (headers.expect !== undefined) sent.on("continue", () => sent.end(whole));
        else if (whole === undefined) sent.end();
        else {
          const step = Math.ceil(whole.byteLength / pieces) || 1;
          for (let at = 0; at < whole.byteLength && pieces > 1; at += step)
            sent.write(whole.subarray(at, at + step));
          sent.end(pieces > 1 ? undefined : whole);
        }
      }),
    connections: () => connections,
    close: () => agent.destroy(),
  };
}
