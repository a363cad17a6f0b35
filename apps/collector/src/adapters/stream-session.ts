import { type CollectorFrame, frameBytesMax, SidecarFrame, streamVersion } from "@locum/contracts";
import type { WebSocket } from "ws";

export type Identity = { service: string; instance: string; incarnation: string };
export type Hello = Extract<SidecarFrame, { kind: "hello" }>;
export type SessionFrame = Exclude<SidecarFrame, { kind: "hello" }>;

/** One open stream whose sidecar has said who it is. */
export type Session = Identity & {
  /** False where the sidecar reads too slowly: the stream is then closed, and comes back with fresh state. */
  send(frame: CollectorFrame): boolean;
  /** Ends it as a breach of the wire contract, which is told to whoever listens. */
  reject(closing: Closing): void;
  end(code: number, reason: string): void;
};

/** RFC 6455, section 7.4.1: 1003 type, 1007 not what it says it is, 1008 against the rules, 1013 try later. */
export type Closing = { code: 1003 | 1007 | 1008 | 1013; reason: string };

type Options = {
  /** May there be a session for this hello; registers it if so. */
  onHello: (hello: Hello, session: Session) => Closing | undefined;
  /** It is welcomed: from now on frames may be sent. */
  onOpen: (hello: Hello, session: Session) => void;
  onFrame: (frame: SessionFrame, session: Session) => void;
  onEnd: (session: Session | undefined, closing: Closing | undefined) => void;
  welcome: () => Extract<CollectorFrame, { kind: "welcome" }>;
  helloMs?: number;
  pingMs?: number;
  bufferedBytesMax?: number;
};

/** Runs one WebSocket by the wire contract (docs/stream.md). Whatever comes in, it ends in a frame or in a close code. */
export function runStreamSession(socket: WebSocket, options: Options): void {
  const { onHello, onOpen, onFrame, onEnd, welcome, helloMs = 5000, pingMs = 2000 } = options;
  let session: Session | undefined;
  let closing: Closing | undefined;

  const reject = (why: Closing): void => {
    if (closing) return;
    closing = why;
    closeSoon(socket, why.code, why.reason);
  };
  const late = setTimeout(() => reject({ code: 1008, reason: "no hello in time" }), helloMs);
  const stopBeat = watchPeer(socket, pingMs);

  const open = (hello: Hello): void => {
    clearTimeout(late);
    const opened = sessionOf(hello, socket, reject, options.bufferedBytesMax ?? 2 * frameBytesMax);
    const refused = versionRefused(hello.version) ?? onHello(hello, opened);
    if (refused) return reject(refused);
    session = opened;
    opened.send({ ...welcome(), version: Math.min(hello.version, streamVersion) });
    onOpen(hello, opened);
  };
  socket.on("message", (data: Buffer, isBinary) => {
    if (closing) return;
    const read = isBinary ? { closing: binary } : readFrame(data);
    if ("closing" in read) return reject(read.closing);
    const { frame } = read;
    if (frame.kind === "hello") return session ? reject(secondHello) : open(frame);
    if (!session) return reject(noHello);
    onFrame(frame, session);
  });
  // ws closes by itself on broken framing (1002), invalid UTF-8 (1007) and too large frames (1009); `close` follows.
  socket.on("error", (error) => {
    closing ??= { code: 1007, reason: error.message };
  });
  socket.on("close", () => {
    clearTimeout(late);
    stopBeat();
    onEnd(session, closing);
  });
}

const binary: Closing = { code: 1003, reason: "binary frames are not spoken here" };
const secondHello: Closing = { code: 1008, reason: "a second hello" };
const noHello: Closing = { code: 1008, reason: "the first frame must be hello" };

/**
 * Ends a stream whose peer is gone without a word: a ping that nothing answered by the next one. A beat that comes
 * late judges nobody: then this process slept, and the answers are still unread.
 */
function watchPeer(socket: WebSocket, pingMs: number): () => void {
  let heard = true;
  let beatAt = performance.now();
  const beat = setInterval(() => {
    const now = performance.now();
    const slept = now - beatAt > 1.5 * pingMs;
    beatAt = now;
    if (!heard && !slept) return socket.terminate();
    heard = false;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, pingMs);
  const hear = () => {
    heard = true;
  };
  socket.on("pong", hear);
  socket.on("message", hear);
  return () => clearInterval(beat);
}

/** A peer that does not answer the close frame is not waited for. */
export function closeSoon(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason.slice(0, 120));
  setTimeout(() => socket.terminate(), 1000).unref();
}

/** The neighbouring versions are spoken: an older sidecar is served, a newer one comes down to ours. */
const versionRefused = (version: number): Closing | undefined =>
  Math.abs(version - streamVersion) <= 1
    ? undefined
    : { code: 1008, reason: `version ${version}: this collector speaks ${streamVersion}` };

/** One text frame, or the close code that it deserves. Never throws: bytes from outside are hostile. */
export function readFrame(data: Uint8Array): { frame: SidecarFrame } | { closing: Closing } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch {
    return { closing: { code: 1007, reason: "not JSON" } };
  }
  const parsed = SidecarFrame.safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  const [issue] = parsed.error.issues;
  const where = issue?.path.map(String).join(".") ?? "";
  return { closing: { code: 1008, reason: `not a frame: ${where || "kind"}: ${issue?.message ?? ""}` } };
}

function sessionOf(
  { service, instance, incarnation }: Hello,
  socket: WebSocket,
  reject: (closing: Closing) => void,
  bufferedBytesMax: number,
): Session {
  return {
    service,
    instance,
    incarnation,
    send(frame) {
      if (socket.readyState !== socket.OPEN) return false;
      if (socket.bufferedAmount > bufferedBytesMax) {
        reject({ code: 1013, reason: "reads too slowly" });
        return false;
      }
      socket.send(JSON.stringify(frame));
      return true;
    },
    reject,
    end: (code, reason) => closeSoon(socket, code, reason),
  };
}
