import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import { checkCertificate, type Pem } from "@locum/runtime";

export type TlsServer = {
  server: Server;
  /** From now on for every new connection; those that are open, or in the middle of their handshake, go on. */
  use(pem: Pem): void;
  /** When the certificate in use ends; null before the first. */
  endsMs(): number | null;
};

const limits = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  /**
   * The API server keeps an idle connection for 90 s. Whoever closes first races with a review on its way, which
   * `Fail` turns into a refused pod: so it must not be us.
   */
  keepAliveTimeout: 180_000,
  maxHeaderSize: 16_384,
};
const connectionsMax = 1000;

/** A server that has no certificate yet, and must not listen before it has one. */
export function createTlsServer(listener: RequestListener): TlsServer {
  let endsMs: number | null = null;
  const server = createServer({ ...limits, minVersion: "TLSv1.2" }, listener);
  server.maxConnections = connectionsMax;
  // A peer that breaks its handshake off is no fault of ours; without a listener it would be an uncaught one.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("clientError", (_error, socket) => socket.destroy());
  return {
    server,
    use(pem) {
      const ends = checkCertificate(pem);
      server.setSecureContext({ ...pem, minVersion: "TLSv1.2" });
      endsMs = ends;
    },
    endsMs: () => endsMs,
  };
}
