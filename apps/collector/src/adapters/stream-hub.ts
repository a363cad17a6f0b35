import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  type AuditEvent,
  type CollectorFrame,
  type CommandResult,
  frameBytesMax,
  type Report,
  type WitnessAnswer,
} from "@locum/contracts";
import { type WebSocket, WebSocketServer } from "ws";
import type { AuthenticateLater, TokenHolder } from "../auth.ts";
import {
  type Closing,
  closeSoon,
  type Hello,
  runStreamSession,
  type Session,
  type SessionFrame,
} from "./stream-session.ts";

/** What sidecars say, after it was checked. Called in the order of arrival; nothing is decided in here. */
export type StreamEvents = {
  connected(session: Session, releases: readonly string[], witness: string | undefined): void;
  disconnected(session: Session): void;
  report(session: Session, frame: { seq: number; sentMs: number; report: Report }): void;
  result(session: Session, result: CommandResult): void;
  record(session: Session, frame: { seq: number; event: AuditEvent }): void;
  witnessed(session: Session, answer: WitnessAnswer): void;
  /** A peer broke the wire contract and was closed. Unknown peers have no identity. */
  rejected(closing: Closing, who: { service: string; instance: string } | null): void;
};

export type StreamHub = {
  /** For the `upgrade` event of the HTTP server: the token is checked before any WebSocket exists. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Only to the incarnation that is meant. False where it is not connected. */
  send(service: string, instance: string, incarnation: string, frame: CollectorFrame): boolean;
  /** To every session of an identity; a contested one has two. */
  sendAll(service: string, instance: string | null, frame: CollectorFrame): void;
  sessions(): readonly Session[];
  close(): void;
};

type Options = {
  authenticate: AuthenticateLater;
  /** Is there such an instance in the configuration. */
  knows: (service: string, instance: string) => boolean;
  events: StreamEvents;
  welcome: () => Extract<CollectorFrame, { kind: "welcome" }>;
  sessionsMax?: number;
  helloMs?: number;
  pingMs?: number;
};

const path = "/v1/stream";

export function createStreamHub({
  authenticate,
  knows,
  events,
  welcome,
  sessionsMax = 10_000,
  ...times
}: Options): StreamHub {
  const server = new WebSocketServer({ noServer: true, maxPayload: frameBytesMax, perMessageDeflate: false });
  const sessions = new Set<Session>();
  let opening = 0;

  const onHello = (holder: TokenHolder, hello: Hello, session: Session): Closing | undefined => {
    const { service, instance, incarnation } = hello;
    if (!knows(service, instance))
      return { code: 1008, reason: `no instance ${service}/${instance} is configured` };
    if (holder.instance !== undefined && holder.instance !== `${service}/${instance}`)
      return { code: 1008, reason: `this token is for ${holder.instance} alone` };
    // The same boot again: its old stream is half open somewhere in the network, and nobody is at its other end.
    for (const other of sessions)
      if (isOf(other, service, instance) && other.incarnation === incarnation) {
        sessions.delete(other);
        other.end(1012, "replaced by a newer stream");
      }
    sessions.add(session);
    return undefined;
  };

  const run = (holder: TokenHolder) => (socket: WebSocket) => {
    let claimed: { service: string; instance: string } | null = null;
    runStreamSession(socket, {
      ...times,
      welcome,
      onHello: (hello, session) => {
        claimed = { service: hello.service, instance: hello.instance };
        return onHello(holder, hello, session);
      },
      onOpen: ({ releases, witness }, session) => events.connected(session, releases, witness),
      onFrame: (frame, session) => deliver(events, frame, session),
      onEnd: (session, closing) => {
        if (closing) events.rejected(closing, claimed);
        if (session && sessions.delete(session)) events.disconnected(session);
      },
    });
  };

  const admit = (
    holder: TokenHolder | null,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void => {
    if (!holder) return refuse(socket, "401 Unauthorized");
    if (holder.role !== "sidecar") return refuse(socket, "403 Forbidden");
    if (opening >= sessionsMax) return refuse(socket, "503 Service Unavailable");
    opening += 1;
    socket.once("close", () => {
      opening -= 1;
    });
    server.handleUpgrade(request, socket, head, run(holder));
  };

  return {
    upgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      if (new URL(request.url ?? "/", "http://host").pathname !== path)
        return refuse(socket, "404 Not Found");
      const answer = authenticate(request.headers.authorization);
      if (!(answer instanceof Promise)) return admit(answer, request, socket, head);
      // Whoever waits for an answer about its token holds a place, too.
      if (opening >= sessionsMax) return refuse(socket, "503 Service Unavailable");
      opening += 1;
      void answer
        .catch(() => null)
        .then((holder) => {
          opening -= 1;
          if (!socket.destroyed) admit(holder, request, socket, head);
        });
    },
    send: (service, instance, incarnation, frame) => {
      const session = [...sessions].find(
        (open) => isOf(open, service, instance) && open.incarnation === incarnation,
      );
      return session?.send(frame) ?? false;
    },
    sendAll: (service, instance, frame) => {
      for (const session of sessions)
        if (session.service === service && (instance === null || session.instance === instance))
          session.send(frame);
    },
    sessions: () => [...sessions],
    close() {
      for (const client of server.clients) closeSoon(client, 1001, "the collector stops");
      server.close();
    },
  };
}

const isOf = (session: Session, service: string, instance: string): boolean =>
  session.service === service && session.instance === instance;

function deliver(events: StreamEvents, frame: SessionFrame, session: Session): void {
  switch (frame.kind) {
    case "report":
      return events.report(session, frame);
    case "result":
      return events.result(session, frame.result);
    case "record": {
      const { event } = frame;
      const forged =
        event.service !== session.service ||
        (event.instance !== null && event.instance !== session.instance) ||
        event.actor !== `sidecar:${session.instance}`;
      if (forged) return session.reject({ code: 1008, reason: "a record in another's name" });
      return events.record(session, frame);
    }
    case "witnessed":
      return events.witnessed(session, frame.answer);
  }
}

function refuse(socket: Duplex, status: string): void {
  // Not waiting for the other end to close: who is refused must not hold a socket.
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
