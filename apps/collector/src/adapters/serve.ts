import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { Fault } from "@locum/contracts";
import { type Clock, checkCertificate, followCertificate, type Log, listen } from "@locum/runtime";
import type { CollectorConfig } from "../config.ts";

/** A peer that trickles its headers or body is let go; an event stream is an answer and has no such limit. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16_384,
};
const connectionsMax = 20_000;

/**
 * Opens the one port: HTTP for the API and the upgrade of the stream, with TLS where a certificate is given. A
 * certificate that is renewed in its files is served to every connection that comes after, until the server is closed.
 * @throws Fault config-invalid | conflict
 */
export async function serve({
  config: { listen: address, tls },
  fetch,
  upgrade,
  clock,
  log,
}: {
  config: Pick<CollectorConfig, "listen" | "tls">;
  fetch: (request: Request) => Response | Promise<Response>;
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  clock: Pick<Clock, "sleep">;
  log: Log;
}): Promise<{ server: Server; url: string }> {
  // The global Request and Response of this process stay as they are.
  const listener = getRequestListener(fetch, { overrideGlobalObjects: false });
  const server: Server = tls ? createWithTls(tls, listener) : createServer(limits, listener);
  server.maxConnections = connectionsMax;
  server.on("upgrade", upgrade);
  const { url } = await listen(server, address, { tls: tls !== null });
  if (tls && server instanceof TlsServer) followRenewals(server, tls, { clock, log });
  return { server, url };
}

function followRenewals(
  server: TlsServer,
  files: { cert: string; key: string },
  deps: { clock: Pick<Clock, "sleep">; log: Log },
): void {
  const end = new AbortController();
  server.once("close", () => end.abort());
  void followCertificate({
    files,
    use(pem) {
      checkCertificate(pem);
      server.setSecureContext({ ...pem, minVersion: "TLSv1.2" });
    },
    signal: end.signal,
    ...deps,
  });
}

function createWithTls({ cert, key }: { cert: string; key: string }, listener: RequestListener): TlsServer {
  try {
    const pem = { cert: readFileSync(cert), key: readFileSync(key) };
    return createTlsServer({ ...limits, ...pem, minVersion: "TLSv1.2" }, listener);
  } catch (cause) {
    throw new Fault("config-invalid", `the certificate cannot be used: ${(cause as Error).message}`, {
      cause,
    });
  }
}
