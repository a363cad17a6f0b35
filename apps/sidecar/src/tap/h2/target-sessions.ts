import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { TapLimits } from "../tap-limits.ts";
import type { Target } from "../target.ts";
import { clientOptions, sessionWindowBytes } from "./h2-limits.ts";

/** One connection to a target, shared by many streams. */
export type TargetSession = {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  connectTimer: NodeJS.Timeout | undefined;
  timedOut: boolean;
  established: boolean;
  /** Its first frame has come. Until then it may be no server of HTTP/2 at all. */
  speaks: boolean;
  /** It takes no new streams, but those it has go on. */
  leaving: boolean;
  /** The last stream that the server has looked at, once it said goodbye. */
  lastStreamId: number;
  fault: string;
  streams: number;
  served: number;
  /** Heads and pieces of answers that have come. */
  frames: number;
  idleSinceMs: number;
  heard: { bytes: number; atMs: number };
  pingedAtMs: number | undefined;
};

export type TargetPlace = { endpoint: URL; target: Target };

/** Dials a target. `onGone`: it takes no new streams from here on. */
export function dialSession(
  place: TargetPlace,
  { limits, nowMs, onGone }: { limits: TapLimits; nowMs: () => number; onGone: (it: TargetSession) => void },
): TargetSession {
  const socket = dialSocket(place);
  const session = connect(place.endpoint.href, { ...clientOptions(limits), createConnection: () => socket });
  const it: TargetSession = {
    session,
    socket,
    connectTimer: undefined,
    timedOut: false,
    established: false,
    speaks: false,
    leaving: false,
    lastStreamId: Number.POSITIVE_INFINITY,
    fault: "",
    streams: 0,
    served: 0,
    frames: 0,
    idleSinceMs: nowMs(),
    heard: { bytes: 0, atMs: nowMs() },
    pingedAtMs: undefined,
  };
  it.connectTimer = setTimeout(() => {
    it.timedOut = true;
    it.fault = "connect timed out";
    session.destroy();
  }, limits.connectTimeoutMs);
  const leave = () => {
    it.leaving = true;
    onGone(it);
  };
  session.on("connect", () => {
    clearTimeout(it.connectTimer);
    it.established = true;
    session.setLocalWindowSize(sessionWindowBytes);
  });
  session.on("remoteSettings", () => {
    it.speaks = true;
  });
  session.on("goaway", (code, lastStreamId) => {
    it.lastStreamId = lastStreamId;
    if (code !== 0 && it.fault === "") it.fault = `goaway ${code}`;
    leave();
  });
  session.on("error", (error: NodeJS.ErrnoException) => {
    if (it.fault === "") it.fault = error.code ?? error.message;
  });
  session.on("close", () => {
    clearTimeout(it.connectTimer);
    leave();
  });
  return it;
}

function dialSocket({ endpoint, target }: TargetPlace): Socket {
  const secure = endpoint.protocol === "https:";
  const host = endpoint.hostname.replace(/^\[|\]$/g, "");
  const port = Number(endpoint.port || (secure ? 443 : 80));
  const socket = secure
    ? connectTls({
        host,
        port,
        ALPNProtocols: ["h2"],
        ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
        ...(target.ca === undefined ? {} : { ca: target.ca }),
      })
    : connectTcp({ host, port });
  socket.setNoDelay(true);
  // A machine that is gone says nothing: the kernel asks, for pings would be taken for a flood by servers of gRPC.
  socket.setKeepAlive(true, keepAliveMs);
  return socket;
}

const keepAliveMs = 15_000;
