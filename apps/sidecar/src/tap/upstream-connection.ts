import type { Socket } from "node:net";
import type { AnswerHead } from "./answer-head.ts";
import {
  type AnswerParser,
  beginAnswer,
  createAnswerParser,
  finishAnswer,
  pushAnswer,
} from "./answer-parser.ts";
import type { ExchangeFault, ExchangeSink } from "./exchange.ts";

/** A connection to a target that carries one exchange after another. */
export type UpstreamConnection = {
  readonly socket: Socket;
  readonly parser: AnswerParser;
  readonly owner: ConnectionOwner;
  connectTimer: NodeJS.Timeout | undefined;
  /** Undefined while idle. */
  sink: ExchangeSink | undefined;
  established: boolean;
  reused: boolean;
  chunked: boolean;
  /** A head that waits for the first bytes of its body, so that both leave in one packet. */
  unsentHead: string | undefined;
  requestEnded: boolean;
  answered: boolean;
  reusable: boolean;
  released: boolean;
  idleHintMs: number | undefined;
  sentAtMs: number;
  idleSinceMs: number;
  fault: string;
};

export type ConnectionOwner = {
  nowMs(): number;
  /** The exchange ended well and the connection can carry another. */
  onIdle(connection: UpstreamConnection): void;
  onGone(connection: UpstreamConnection): void;
};

export function adoptSocket(
  socket: Socket,
  {
    owner,
    secure,
    maxHeadBytes,
    connectTimeoutMs,
  }: {
    owner: ConnectionOwner;
    secure: boolean;
    maxHeadBytes: number;
    connectTimeoutMs: number;
  },
): UpstreamConnection {
  const connection: UpstreamConnection = {
    socket,
    parser: createAnswerParser(maxHeadBytes),
    owner,
    connectTimer: undefined,
    sink: undefined,
    established: false,
    reused: false,
    chunked: false,
    unsentHead: undefined,
    requestEnded: false,
    answered: false,
    reusable: false,
    released: false,
    idleHintMs: undefined,
    sentAtMs: 0,
    idleSinceMs: 0,
    fault: "",
  };
  connection.connectTimer = setTimeout(() => {
    connection.fault = connectTimedOut;
    socket.destroy();
  }, connectTimeoutMs);
  socket.setNoDelay(true);
  socket.on(secure ? "secureConnect" : "connect", () => {
    connection.established = true;
    clearTimeout(connection.connectTimer);
  });
  socket.on("data", (chunk: Buffer) => onData(connection, chunk));
  socket.on("drain", () => connection.sink?.onDrain());
  socket.on("end", () => onClosed(connection));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (connection.fault === "") connection.fault = error.code ?? error.message;
  });
  socket.on("close", () => onClosed(connection));
  return connection;
}

/** Takes the connection for one exchange. The head leaves with the first bytes of the body, or at once. */
export function beginExchange(
  connection: UpstreamConnection,
  sink: ExchangeSink,
  {
    head,
    method,
    hasBody,
    chunked,
    expects,
    upgrade,
  }: {
    head: string;
    method: string;
    hasBody: boolean;
    chunked: boolean;
    expects: boolean;
    upgrade: boolean;
  },
): void {
  connection.sink = sink;
  connection.chunked = chunked;
  connection.requestEnded = !hasBody;
  connection.answered = false;
  connection.reusable = false;
  connection.sentAtMs = connection.owner.nowMs();
  beginAnswer(connection.parser, connectionSink(connection, sink), { bodyless: method === "HEAD", upgrade });
  if (!hasBody || expects) {
    connection.socket.write(head, "latin1");
    return;
  }
  connection.unsentHead = head;
  setImmediate(() => flushHead(connection, sink));
}

export function writeBody(connection: UpstreamConnection, chunk: Buffer): boolean {
  const { socket } = connection;
  if (socket.destroyed) return true;
  socket.cork();
  sendHead(connection);
  if (connection.chunked) socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
  let free = socket.write(chunk);
  if (connection.chunked) free = socket.write("\r\n", "latin1");
  socket.uncork();
  return free;
}

export function endBody(connection: UpstreamConnection, rawTrailers: string[]): void {
  connection.requestEnded = true;
  if (connection.socket.destroyed) return;
  sendHead(connection);
  if (connection.chunked) {
    let tail = "0\r\n";
    for (let i = 0; i < rawTrailers.length; i += 2) tail += `${rawTrailers[i]}: ${rawTrailers[i + 1]}\r\n`;
    connection.socket.write(`${tail}\r\n`, "latin1");
  }
}

/** Nobody listens any more: the sink hears nothing further and the connection is closed. */
export function abandon(connection: UpstreamConnection): void {
  connection.sink = undefined;
  connection.parser.sink = undefined;
  connection.unsentHead = undefined;
  connection.socket.destroy();
}

function connectionSink(connection: UpstreamConnection, sink: ExchangeSink) {
  return {
    onInformation: sink.onInformation,
    onHead(head: AnswerHead) {
      // A server whose handler threw answers 500, closes, and does not say that it will (uvicorn): what is sent behind
      // such an answer may be lost.
      connection.reusable = head.keepAlive && head.status < 500;
      connection.idleHintMs = head.idleHintMs;
      sink.onHead(head);
    },
    onData: sink.onData,
    onEnd: sink.onEnd,
    onUpgrade(head: AnswerHead, rest: Buffer) {
      // From here on the socket is none of ours: our listeners on it stay, and look away.
      connection.released = true;
      connection.sink = undefined;
      connection.parser.sink = undefined;
      connection.owner.onGone(connection);
      sink.onUpgrade(head, rest, connection.socket);
    },
  };
}

function onData(connection: UpstreamConnection, chunk: Buffer): void {
  if (connection.released) return;
  const { sink, parser } = connection;
  // Bytes on an idle connection (a late 408, or the rest of another answer) must reach nobody.
  if (!sink) return void connection.socket.destroy();
  connection.answered = true;
  const wellFormed = pushAnswer(parser, chunk);
  if (connection.sink !== sink) return;
  sink.onTurn();
  if (connection.sink !== sink) return;
  if (parser.phase === "done") {
    if (!wellFormed) connection.reusable = false;
    return settle(connection);
  }
  if (wellFormed) return;
  connection.fault = malformedAnswer;
  connection.socket.destroy();
  onClosed(connection);
}

/** The answer is complete. The connection is used again only if both sides are at a message boundary. */
function settle(connection: UpstreamConnection): void {
  connection.sink = undefined;
  connection.parser.sink = undefined;
  if (!connection.reusable || !connection.requestEnded || connection.socket.destroyed) {
    connection.socket.destroy();
    return;
  }
  if (connection.socket.isPaused()) connection.socket.resume();
  connection.reused = true;
  connection.idleSinceMs = connection.owner.nowMs();
  connection.owner.onIdle(connection);
}

function onClosed(connection: UpstreamConnection): void {
  clearTimeout(connection.connectTimer);
  if (connection.released) return;
  const { sink, parser } = connection;
  connection.sink = undefined;
  connection.owner.onGone(connection);
  if (!sink) return void connection.socket.destroy();
  if (connection.answered && finishAnswer(parser)) {
    sink.onTurn();
  } else {
    parser.sink = undefined;
    sink.onFault(faultOf(connection));
  }
  connection.socket.destroy();
}

function faultOf(connection: UpstreamConnection): ExchangeFault {
  const { established, reused, answered, fault, parser } = connection;
  const detail = fault === "" ? "connection closed" : fault;
  if (!established) {
    return { kind: fault === connectTimedOut ? "timeout" : "refused", sent: false, stale: false, detail };
  }
  if (parser.phase !== "head") return { kind: "truncated", sent: true, stale: false, detail };
  if (fault === malformedAnswer) return { kind: "malformed", sent: true, stale: false, detail };
  // A server that closed an idle connection answers the next bytes with a reset at once, within a round trip.
  // Later than that it was the request that was lost, not the connection.
  const atOnce = connection.owner.nowMs() - connection.sentAtMs < staleWithinMs;
  return { kind: "reset", sent: true, stale: reused && !answered && atOnce, detail };
}

function flushHead(connection: UpstreamConnection, sink: ExchangeSink): void {
  if (connection.sink === sink) sendHead(connection);
}

function sendHead(connection: UpstreamConnection): void {
  if (connection.unsentHead === undefined) return;
  connection.socket.write(connection.unsentHead, "latin1");
  connection.unsentHead = undefined;
}

const malformedAnswer = "malformed answer";
const connectTimedOut = "connect timed out";
const staleWithinMs = 1_000;
