import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Fault } from "@locum/contracts";
import type { Exchange, ExchangeSink } from "./exchange.ts";
import { requestHead, type UpstreamRequest } from "./request-head.ts";
import type { TapLimits } from "./tap-limits.ts";
import { isSamePlace, type Target } from "./target.ts";
import { type TargetHeaders, targetHeaders } from "./target-headers.ts";
import {
  abandon,
  adoptSocket,
  beginExchange,
  type ConnectionOwner,
  endBody,
  type UpstreamConnection,
  writeBody,
} from "./upstream-connection.ts";

export type Upstreams = {
  /** Starts one exchange. Faults arrive at the sink, later. `fresh`: on a new connection. */
  open(target: Target, request: UpstreamRequest, sink: ExchangeSink, options: { fresh: boolean }): Exchange;
  /** Open connections, idle ones included. */
  connections(): number;
  close(): void;
};

type Pool = {
  target: Target;
  endpoint: URL;
  added: TargetHeaders;
  idle: UpstreamConnection[];
  usedAtMs: number;
};

type Limits = Pick<TapLimits, "maxHeaderSize" | "connectTimeoutMs" | "upstreamIdleMs">;

/** Keep-alive connections to every target, the newest used first so that spare ones grow old and are closed. */
export function createUpstreams({ nowMs, limits }: { nowMs: () => number; limits: Limits }): Upstreams {
  const pools = new Map<string, Pool>();
  const open = new Set<UpstreamConnection>();
  const sweeper = setInterval(() => sweep(pools, nowMs(), limits.upstreamIdleMs), sweepEveryMs);
  sweeper.unref();

  const dial = (pool: Pool): UpstreamConnection => {
    const owner: ConnectionOwner = {
      nowMs,
      onIdle(connection) {
        // The target's address or credentials have changed meanwhile: this leads to the former place.
        if (pools.get(pool.target.id) !== pool) return void connection.socket.destroy();
        pool.idle.push(connection);
      },
      onGone(connection) {
        open.delete(connection);
        const at = pool.idle.indexOf(connection);
        if (at >= 0) pool.idle.splice(at, 1);
      },
    };
    const connection = adoptSocket(dialSocket(pool), {
      owner,
      secure: pool.endpoint.protocol === "https:",
      maxHeadBytes: limits.maxHeaderSize,
      connectTimeoutMs: limits.connectTimeoutMs,
    });
    open.add(connection);
    return connection;
  };
  return {
    open(target, request, sink, { fresh }) {
      const pool = poolOf(pools, target);
      pool.usedAtMs = nowMs();
      const idleMaxMs = request.idempotent ? limits.upstreamIdleMs : unsafeIdleMaxMs;
      const connection = (fresh ? undefined : takeIdle(pool, nowMs(), idleMaxMs)) ?? dial(pool);
      const head = requestHead(request, target, pool.added, pool.endpoint.host);
      beginExchange(connection, sink, { head, ...request });
      return exchangeOn(connection, sink);
    },
    connections: () => open.size,
    close() {
      clearInterval(sweeper);
      for (const connection of open) abandon(connection);
      pools.clear();
    },
  };
}

/** A handle that can no longer reach the connection once it carries somebody else's exchange. */
function exchangeOn(connection: UpstreamConnection, sink: ExchangeSink): Exchange {
  const mine = () => connection.sink === sink;
  return {
    write: (chunk) => (mine() ? writeBody(connection, chunk) : true),
    end: (rawTrailers) => void (mine() && endBody(connection, rawTrailers)),
    pause: () => void (mine() && connection.socket.pause()),
    resume: () => void (mine() && connection.socket.resume()),
    abort: () => void (mine() && abandon(connection)),
  };
}

function poolOf(pools: Map<string, Pool>, target: Target): Pool {
  const known = pools.get(target.id);
  if (known && (known.target === target || isSamePlace(known.target, target))) return known;
  for (const connection of known?.idle.splice(0) ?? []) connection.socket.destroy();
  const endpoint = URL.canParse(target.url) ? new URL(target.url) : undefined;
  if (endpoint?.protocol !== "http:" && endpoint?.protocol !== "https:") {
    throw new Fault(
      "config-invalid",
      `target ${target.id}: expected an http or https URL, found ${target.url}`,
    );
  }
  const pool: Pool = { target, endpoint, added: targetHeaders(target), idle: [], usedAtMs: 0 };
  pools.set(target.id, pool);
  return pool;
}

function takeIdle(pool: Pool, nowMs: number, idleMaxMs: number): UpstreamConnection | undefined {
  // What is too old for this request may serve another: it stays, and the sweeper closes it in time.
  const newest = pool.idle.at(-1);
  if (!newest || nowMs - newest.idleSinceMs > Math.min(idleMaxMs, hintMs(newest))) return undefined;
  return pool.idle.pop();
}

function hintMs({ idleHintMs }: UpstreamConnection): number {
  // One second for the way: the server starts counting before we do, and closes by its own clock.
  return idleHintMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, idleHintMs - 1_000);
}

function dialSocket({ endpoint, target }: Pool): Socket {
  const secure = endpoint.protocol === "https:";
  const host = endpoint.hostname.replace(/^\[|\]$/g, "");
  const port = Number(endpoint.port || (secure ? 443 : 80));
  if (!secure) return connect({ host, port });
  return connectTls({
    host,
    port,
    ALPNProtocols: ["http/1.1"],
    ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
    ...(target.ca === undefined ? {} : { ca: target.ca }),
  });
}

function sweep(pools: Map<string, Pool>, nowMs: number, idleMaxMs: number): void {
  for (const [id, pool] of pools) {
    const expired = pool.idle.filter((it) => nowMs - it.idleSinceMs > Math.min(idleMaxMs, hintMs(it)));
    for (const connection of expired) connection.socket.destroy();
    if (pool.idle.length === 0 && nowMs - pool.usedAtMs > forgetPoolMs) pools.delete(id);
  }
}

// An unsafe request cannot be sent again, so it never travels on a connection that the server may be closing.
const unsafeIdleMaxMs = 500;
const sweepEveryMs = 1_000;
const forgetPoolMs = 60_000;
