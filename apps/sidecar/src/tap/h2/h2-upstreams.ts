import { Fault } from "@locum/contracts";
import type { TapLimits } from "../tap-limits.ts";
import { isSamePlace, type Target } from "../target.ts";
import { type TargetHeaders, targetHeaders } from "../target-headers.ts";
import type { Upstreams } from "../upstreams.ts";
import { exchangeOn } from "./h2-exchange.ts";
import { rawHeader, requestHeaders } from "./h2-headers.ts";
import { dialSession, type TargetSession } from "./target-sessions.ts";

type Pool = {
  target: Target;
  endpoint: URL;
  added: TargetHeaders;
  /** Those that take new streams. */
  sessions: TargetSession[];
  usedAtMs: number;
};

/** Sessions to every target: one, and a few more where a hundred streams are open on it. */
export function createH2Upstreams({ nowMs, limits }: { nowMs: () => number; limits: TapLimits }): Upstreams {
  const pools = new Map<string, Pool>();
  const open = new Set<TargetSession>();
  const sweeper = setInterval(() => sweep(pools, nowMs()), sweepEveryMs);
  sweeper.unref();

  const dial = (pool: Pool): TargetSession => {
    const session = dialSession(pool, {
      limits,
      nowMs,
      onGone(it) {
        const at = pool.sessions.indexOf(it);
        if (at >= 0) pool.sessions.splice(at, 1);
        if (it.session.destroyed) open.delete(it);
      },
    });
    pool.sessions.push(session);
    open.add(session);
    return session;
  };
  return {
    open(target, request, sink) {
      const pool = poolOf(pools, target);
      pool.usedAtMs = nowMs();
      const on = leastBusy(pool) ?? dial(pool);
      const { endpoint, added } = pool;
      const scheme = endpoint.protocol.slice(0, -1);
      const headers = requestHeaders(request, target, { added, scheme, nowMs: nowMs() });
      const waitForTrailers = request.hasBody && rawHeader(request.rawHeaders, "trailer") !== undefined;
      const stream = on.session.request(headers, { endStream: !request.hasBody, waitForTrailers });
      on.streams += 1;
      const onClosed = () => {
        on.streams -= 1;
        on.served += 1;
        on.idleSinceMs = nowMs();
      };
      return exchangeOn(on, stream, sink, { nowMs, onClosed });
    },
    connections: () => open.size,
    close() {
      clearInterval(sweeper);
      for (const { session } of open) session.destroy();
      pools.clear();
    },
  };
}

/** Undefined where another session should be dialled. */
function leastBusy({ sessions }: Pool): TargetSession | undefined {
  let best: TargetSession | undefined;
  for (const it of sessions) if (!best || it.streams < best.streams) best = it;
  return best && (best.streams < streamsEach || sessions.length >= sessionsMax) ? best : undefined;
}

function poolOf(pools: Map<string, Pool>, target: Target): Pool {
  const known = pools.get(target.id);
  if (known && (known.target === target || isSamePlace(known.target, target))) return known;
  // What they carry goes on; they end when it has ended.
  for (const { session } of known?.sessions.splice(0) ?? []) session.close();
  const pool = {
    target,
    endpoint: endpointOf(target),
    added: targetHeaders(target),
    sessions: [],
    usedAtMs: 0,
  };
  pools.set(target.id, pool);
  return pool;
}

function endpointOf({ id, url, grpc }: Target): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  const place = base && (grpc === undefined ? base.origin : `${base.protocol}//${grpc}`);
  if (!place || !URL.canParse(place) || !/^https?:/.test(place)) {
    throw new Fault(
      "config-invalid",
      `target ${id}: expected an http or https URL, found ${url} and ${grpc}`,
    );
  }
  return new URL(place);
}

function sweep(pools: Map<string, Pool>, nowMs: number): void {
  for (const [id, pool] of pools) {
    for (const it of [...pool.sessions]) {
      if (it.streams === 0 && nowMs - it.idleSinceMs > idleMs) it.session.close();
      else if (pool.target.hop === "tap") askIfThere(it, nowMs);
    }
    if (pool.sessions.length === 0 && nowMs - pool.usedAtMs > idleMs) pools.delete(id);
  }
}

/**
 * A peer's machine can vanish with requests on the way, which its kernel will not tell. Only taps are asked: servers of
 * gRPC take pings for a flood.
 */
function askIfThere(it: TargetSession, nowMs: number): void {
  const { bytesRead } = it.socket;
  if (bytesRead !== it.heard.bytes || it.streams === 0) {
    it.heard = { bytes: bytesRead, atMs: nowMs };
    it.pingedAtMs = undefined;
  } else if (it.pingedAtMs !== undefined) {
    if (nowMs - it.pingedAtMs > silenceMs) it.session.destroy();
  } else if (nowMs - it.heard.atMs > silenceMs && it.established) {
    it.pingedAtMs = nowMs;
    it.session.ping(() => {});
  }
}

const streamsEach = 100;
const sessionsMax = 8;
const idleMs = 60_000;
const silenceMs = 10_000;
const sweepEveryMs = 1_000;
