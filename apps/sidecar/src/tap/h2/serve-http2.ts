import {
  constants,
  createServer,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { TapCore } from "../tap-core.ts";
import type { Upstreams } from "../upstreams.ts";
import { admitStream } from "./admit-stream.ts";
import {
  controlFramesMax,
  controlWindowMs,
  idleClientMs,
  narrowWindowBytes,
  serverOptions,
  sessionWindowBytes,
  wideSessionsMax,
} from "./h2-limits.ts";
import { createH2Upstreams } from "./h2-upstreams.ts";

export type Http2Server = {
  readonly upstreams: Upstreams;
  accept(socket: Socket): void;
  /**
   * Asks every client to open its next stream elsewhere, those too whose connection was accepted a moment ago; what is on
   * the way here is still served.
   */
  sayGoodbye(): void;
  /** Takes no new streams, and ends each session when its last one has ended. */
  leave(): void;
  /** Ends them all now. */
  close(): void;
};

type Held = { socket: Socket; streams: number; isUp: boolean };

/** Serves HTTP/2 on connections whose preface has been seen. */
export function serveHttp2(core: TapCore): Http2Server {
  const { limits, deps } = core;
  const upstreams = createH2Upstreams({ nowMs: () => deps.clock.monotonicMs(), limits });
  const server = createServer(serverOptions(limits));
  const sessions = new Map<Http2Session, Held>();
  const count = (session: Http2Session | undefined, by: number) => {
    const held = session && sessions.get(session);
    if (held) held.streams += by;
  };
  const hold = (session: ServerHttp2Session, socket: Socket) => {
    const held: Held = { socket, streams: 0, isUp: false };
    sessions.set(session, held);
    session.on("close", () => sessions.delete(session));
    session.setLocalWindowSize(sessions.size <= wideSessionsMax ? sessionWindowBytes : narrowWindowBytes);
    session.setTimeout(idleClientMs);
    // A long answer may be long in coming: only a session without a stream is idle.
    session.on("timeout", () => held.streams === 0 && session.close());
    // The client has our preface, which must be the first that it reads; a goodbye may follow now.
    session.once("localSettings", () => {
      held.isUp = true;
      if (core.draining) socket.write(goodbye);
    });
    boundControlFrames(session, () => deps.clock.monotonicMs());
  };
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers, flags, rawHeaders) => {
    const { session } = stream;
    count(session, 1);
    stream.on("close", () => count(session, -1));
    const endsStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    // Node gives the raw list here, which its types leave out.
    admitStream(core, upstreams, stream, {
      headers,
      rawHeaders: rawHeaders as unknown as string[],
      endsStream,
    });
  });
  return {
    upstreams,
    accept(socket) {
      // The server of HTTP/1 that listens leaves a half-closed connection open; here it would never end.
      socket.allowHalfOpen = false;
      const onSession = (session: ServerHttp2Session) => hold(session, socket);
      // It is emitted within the second line, where a session comes of the connection.
      server.once("session", onSession);
      server.emit("connection", socket);
      server.off("session", onSession);
    },
    sayGoodbye() {
      for (const { socket, isUp } of sessions.values()) if (isUp) socket.write(goodbye);
    },
    leave() {
      for (const session of sessions.keys()) if (!session.closed) session.close();
    },
    close() {
      for (const session of sessions.keys()) session.destroy();
      upstreams.close();
    },
  };
}

/** Each PING and SETTINGS makes us answer: a client that sends nothing else is sent away. */
function boundControlFrames(session: ServerHttp2Session, nowMs: () => number): void {
  let since = nowMs();
  let frames = 0;
  const count = () => {
    const now = nowMs();
    if (now - since > controlWindowMs) [since, frames] = [now, 0];
    frames += 1;
    if (frames > controlFramesMax && !session.destroyed)
      session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };
  session.on("ping", count);
  session.on("remoteSettings", count);
}

/**
 * GOAWAY with the greatest stream there is (RFC 9113, 6.8: so that nothing on the way is lost). Written past the
 * session, between two of its frames: one that it sends itself makes the library ignore every stream that comes after.
 */
const goodbye = Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
