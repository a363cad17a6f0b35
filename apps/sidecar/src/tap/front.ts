import { connect, createServer, type Server, type Socket } from "node:net";
import { pollAgent } from "./agent-poll.ts";
import type { AgentWord } from "./agent-word.ts";

export type FrontSidecar = {
  id: string;
  host: string;
  /** Of its tap. */
  port: number;
  agentPort: number;
  /** Where its sidecar is, if not on the same machine. */
  agentHost?: string;
};

export type FrontState = { id: string; word: AgentWord | undefined; connections: number };

export type Front = {
  server: Server;
  /** Resolves with the port once every sidecar has been asked and connections are accepted. */
  start(): Promise<number>;
  states(): FrontState[];
  close(): Promise<void>;
};

type Backend = FrontSidecar & {
  word: AgentWord | undefined;
  links: Set<Link>;
};

/** A client's connection joined with one to a sidecar. */
type Link = { client: Socket; upstream: Socket; lastByteMs: number; awaitsAnswer: boolean };

/**
 * One address for a service on one machine: joins each new connection to the sidecar that speaks best of its
 * instance. It stands where HAProxy stands in production and reads the same agent-check. It knows no HTTP: which
 * request is sent again is the taps' business.
 */
export function createFront({
  listen,
  sidecars,
  clock,
  pollMs = 200,
  connectTimeoutMs = 1_000,
  idleMs = 5_000,
  maxConnections = 4_096,
}: {
  listen: { host: string; port: number };
  sidecars: FrontSidecar[];
  clock: { monotonicMs(): number };
  pollMs?: number;
  connectTimeoutMs?: number;
  /** A connection with no byte for so long, the last of them the server's, is taken for idle. Streams pause too. */
  idleMs?: number;
  maxConnections?: number;
}): Front {
  const backends: Backend[] = sidecars.map((it) => ({ ...it, word: undefined, links: new Set() }));
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (client) => {
    clients.add(client);
    client.on("error", () => client.destroy());
    client.on("close", () => clients.delete(client));
    tryNext({ client, candidates: candidates(backends), connectTimeoutMs, clock });
  });
  server.maxConnections = maxConnections;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const pollAll = async () => {
    await Promise.all(
      backends.map(async (backend) => {
        const { host, agentHost = host, agentPort: port } = backend;
        backend.word = await pollAgent({ host: agentHost, port, timeoutMs: 2 * pollMs });
      }),
    );
    endIdle(backends, clock.monotonicMs(), idleMs);
    if (!closed) timer = setTimeout(pollAll, pollMs);
  };
  return {
    server,
    async start() {
      await pollAll();
      return listenOn(server, listen);
    },
    states: () => backends.map(({ id, word, links }) => ({ id, word, connections: links.size })),
    close() {
      closed = true;
      clearTimeout(timer);
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of clients) client.destroy();
      });
    },
  };
}

/** Best first. Where none is up, all are tried: one that accepts is better than none. */
function candidates(backends: Backend[]): Backend[] {
  const weight = ({ word }: Backend) => (word?.state === "up" ? word.weight : 0);
  const up = backends.filter((it) => weight(it) > 0);
  // A steady sort: at equal weight the order of the configuration decides.
  return up.length > 0 ? up.sort((a, b) => weight(b) - weight(a)) : backends;
}

type Attempt = {
  client: Socket;
  candidates: Backend[];
  connectTimeoutMs: number;
  clock: { monotonicMs(): number };
};

/** No byte of the client has been read before a connection stands, so the next sidecar can be tried unseen. */
function tryNext({ client, candidates: [backend, ...rest], connectTimeoutMs, clock }: Attempt): void {
  if (client.destroyed) return;
  if (!backend) {
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({ host: backend.host, port: backend.port, allowHalfOpen: true, noDelay: true });
  let over = false;
  const failed = () => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    upstream.destroy();
    tryNext({ client, candidates: rest, connectTimeoutMs, clock });
  };
  const timer = setTimeout(failed, connectTimeoutMs);
  upstream.on("error", failed);
  upstream.on("close", failed);
  upstream.on("connect", () => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    if (client.destroyed) upstream.destroy();
    else join(client, upstream, backend, clock);
  });
}

function join(client: Socket, upstream: Socket, backend: Backend, clock: { monotonicMs(): number }): void {
  const link: Link = { client, upstream, lastByteMs: clock.monotonicMs(), awaitsAnswer: false };
  backend.links.add(link);
  const note = (fromClient: boolean) => {
    link.lastByteMs = clock.monotonicMs();
    link.awaitsAnswer = fromClient;
  };
  client.on("data", () => note(true));
  upstream.on("data", () => note(false));
  upstream.on("error", () => upstream.destroy());
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => {
    backend.links.delete(link);
    // A reset stays a reset: a normal close could look like the end of an answer.
    if (upstream.readableEnded) client.end();
    else client.resetAndDestroy();
  });
  client.pipe(upstream);
  upstream.pipe(client);
}

/** Connections to a sidecar that is down move on at the first quiet moment; those with an answer owed are left to its tap. */
function endIdle(backends: Backend[], nowMs: number, idleMs: number): void {
  for (const { word, links } of backends) {
    for (const { client, lastByteMs, awaitsAnswer } of links) {
      const quietMs = nowMs - lastByteMs;
      const moves = word?.state === "down" && !awaitsAnswer && quietMs > idleMs;
      if (moves || (client.readableEnded && quietMs > halfOpenMs)) client.destroy();
    }
  }
}

// A client that ended its side may wait for an answer, or be gone: only writing to it would tell.
const halfOpenMs = 300_000;

function listenOn(server: Server, { host, port }: { host: string; port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("expected a TCP address"));
      else resolve(address.port);
    });
  });
}
