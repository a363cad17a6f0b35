import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { admit } from "./admit.ts";
import { drainTap } from "./drain-tap.ts";
import { fenceOff, takeBack } from "./failover.ts";
import { openHttp2 } from "./h2/open-http2.ts";
import { sniffPreface } from "./h2/sniff-preface.ts";
import { modelOf } from "./passage.ts";
import { type StallLimit, tellStalled } from "./silent-streams.ts";
import { createTapCore, type TapCore } from "./tap-core.ts";
import type { TapDeps } from "./tap-deps.ts";
import { type TapProgress, tapProgress } from "./tap-progress.ts";
import { tunnel, wantsTunnel } from "./upgrade.ts";

export type Tap = {
  /** Not yet listening. */
  server: Server;
  inflight(): number;
  progress(): TapProgress;
  /**
   * The own server gets no new requests (`route` says so): those that wait on it are taken back and sent elsewhere,
   * where the rules allow it. Returns how many were. `of` keeps to requests of some models.
   */
  divert(of?: (model: string | undefined) => boolean): number;
  /** Tells of streams that have fallen silent while others go on. */
  tellStalled(limit: StallLimit): void;
  /**
   * The instance may not answer any more (`fenced` says so): ends what has no answer yet with 503, and every upgraded
   * connection. Answers that have begun go on.
   */
  fence(): void;
  /** Takes no new connections, lets the requests in flight finish, and after `ms` ends what is left. */
  drain(ms: number): Promise<void>;
  /**
   * Gives the listening socket to a successor (`give` resolves when it accepts from it), then drains. Between the two
   * both accept, so that no connection is refused.
   */
  handOver(give: (listener: NetServer) => Promise<void>, drainMs: number): Promise<void>;
  /** The successor's side: serves the connections of a listener that a predecessor gave. */
  adopt(listener: NetServer): void;
};

/** The reverse proxy beside a model server: passes everything through unchanged, and asks another instance where this one fails. */
export function createTap(deps: TapDeps): Tap {
  const core = createTapCore(deps);
  const server = createServer({
    maxHeaderSize: core.limits.maxHeaderSize,
    headersTimeout: core.limits.headerTimeoutMs,
    requestTimeout: core.limits.requestTimeoutMs,
    keepAliveTimeout: core.limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(core.limits.headerTimeoutMs / 2)),
    // Whether a missing Host is an error is for the model server to say, as it would without us.
    requireHostHeader: false,
    noDelay: true,
    shouldUpgradeCallback: wantsTunnel,
  });
  // Node would silently drop the headers beyond 2 000; their size is bounded already.
  server.maxHeadersCount = 0;
  server.maxConnections = core.limits.maxConnections;
  const waiting = new WeakMap<Socket, number>();
  const serve = (req: IncomingMessage, res: ServerResponse, expects: boolean) =>
    inOrder(waiting, req, res, () => admit(core, req, res, { expects }));
  server.on("request", (req, res) => serve(req, res, false));
  server.on("checkContinue", (req, res) => serve(req, res, true));
  server.on("checkExpectation", (req, res) => serve(req, res, true));
  server.on("upgrade", (req, socket, early) => tunnel(core, req, socket, early));
  const clients = new Set<Socket>();
  const http2 = openHttp2(core);
  const serveHttp1 = takeListener(server);
  server.on("connection", (socket: Socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    const timeoutMs = core.limits.headerTimeoutMs;
    sniffPreface(socket, { timeoutMs, onHttp1: serveHttp1, onHttp2: http2.accept });
  });
  const adopted = new Set<NetServer>();
  const drain = (ms: number) =>
    drainTap({ core, listeners: [server, ...adopted], server, http2, clients, ms });
  return {
    server,
    inflight: () => core.passages.size,
    progress() {
      const progress = tapProgress(core);
      return { ...progress, upstreamConnections: progress.upstreamConnections + http2.upstreamConnections() };
    },
    divert: (of = () => true) => divertAll(core, of),
    tellStalled: (limit) => tellStalled(core, limit),
    fence() {
      for (const passage of [...core.passages]) fenceOff(passage);
      for (const client of core.tunnels) client.destroy();
    },
    drain,
    async handOver(give, drainMs) {
      const [inherited] = adopted;
      await give(inherited ?? server);
      await drain(drainMs);
    },
    adopt(listener) {
      adopted.add(listener);
      listener.on("connection", (socket) => server.emit("connection", socket));
    },
  };
}

/** What a server of HTTP/1 does with a connection, so that it gets only those that are its own. */
function takeListener(server: Server): (socket: Socket) => void {
  const listeners = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeAllListeners("connection");
  return (socket) => {
    for (const listener of listeners) listener.call(server, socket);
  };
}

/**
 * Pipelined requests are served one after the other, as the model server would: side by side they could be executed
 * in another order than the client sent them.
 */
function inOrder(
  waiting: WeakMap<Socket, number>,
  req: IncomingMessage,
  res: ServerResponse,
  serve: () => void,
): void {
  const { socket } = req;
  if (res.socket) return serve();
  const queued = (waiting.get(socket) ?? 0) + 1;
  if (queued > pipelinedMax) return void socket.destroy();
  waiting.set(socket, queued);
  res.once("socket", () => {
    waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
    serve();
  });
}

function divertAll(core: TapCore, of: (model: string | undefined) => boolean): number {
  const before = core.counters.resends;
  for (const passage of [...core.passages]) if (of(modelOf(passage))) takeBack(passage);
  return core.counters.resends - before;
}

const pipelinedMax = 256;
