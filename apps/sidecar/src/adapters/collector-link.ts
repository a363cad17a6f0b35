import { CollectorFrame, frameBytesMax, type SidecarFrame, streamVersion } from "@locum/contracts";
import { backoffMs, type Log, type Random } from "@locum/runtime";
import { WebSocket } from "ws";

export type LinkEvents = {
  /** The collector welcomed us: frames may be sent. */
  opened(welcome: Extract<CollectorFrame, { kind: "welcome" }>): void;
  closed(): void;
  frame(frame: Exclude<CollectorFrame, { kind: "welcome" }>): void;
};

export type CollectorLink = {
  /** False where there is no open stream; nothing is kept, the next report says it anew. */
  send(frame: SidecarFrame): boolean;
  isOpen(): boolean;
  close(): void;
};

export type LinkOptions = {
  url: string;
  token: () => Promise<string>;
  /** Undefined where the authorities of the system are meant. */
  ca: () => Promise<string | undefined>;
  hello: () => Extract<SidecarFrame, { kind: "hello" }>;
  events: LinkEvents;
  log: Log;
  random: Pick<Random, "next">;
  /** Reports are acknowledged twice a second: a stream that is silent for so long leads nowhere. */
  silentMs?: number;
  openMs?: number;
};

const bufferedBytesMax = 2 * frameBytesMax;
const backoffBaseMs = 200;
const backoffCapMs = 5000;

/** One authenticated WebSocket to the collector, opened again for as long as the process lives. */
export function openCollectorLink(options: LinkOptions): CollectorLink {
  const { events, log, random, silentMs = 5000, openMs = 5000 } = options;
  let socket: WebSocket | null = null;
  let welcomed = false;
  let closed = false;
  let tries = 0;
  let timer: NodeJS.Timeout | undefined;

  const again = (): void => {
    if (closed) return;
    timer = setTimeout(
      () => void open(),
      backoffMs(tries, random, { baseMs: backoffBaseMs, capMs: backoffCapMs }),
    );
    timer.unref();
    tries += 1;
  };
  const open = async (): Promise<void> => {
    let token: string;
    let ca: string | undefined;
    try {
      token = await options.token();
      ca = await options.ca();
    } catch (error) {
      log("warn", "no token for the collector, or no authority to know it by, yet", { error });
      return again();
    }
    if (closed) return;
    const stream = new URL("/v1/stream", options.url);
    stream.protocol = stream.protocol === "https:" ? "wss:" : "ws:";
    const opening = new WebSocket(stream, {
      headers: { authorization: `Bearer ${token}` },
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
      handshakeTimeout: openMs,
      ...(ca === undefined ? {} : { ca }),
    });
    socket = opening;
    runStream(
      opening,
      { ...options, silentMs },
      {
        onWelcome(frame) {
          welcomed = true;
          tries = 0;
          events.opened(frame);
        },
        onEnd() {
          if (socket !== opening) return;
          socket = null;
          const was = welcomed;
          welcomed = false;
          if (was) events.closed();
          again();
        },
      },
    );
  };
  void open();
  return {
    send(frame) {
      if (!socket || !welcomed || socket.readyState !== WebSocket.OPEN) return false;
      // It reads too slowly: the stream is ended, and comes back with fresh state.
      if (socket.bufferedAmount > bufferedBytesMax) {
        socket.terminate();
        return false;
      }
      socket.send(JSON.stringify(frame));
      return true;
    },
    isOpen: () => welcomed,
    close() {
      closed = true;
      clearTimeout(timer);
      socket?.close(1001, "the sidecar stops");
      const ending = socket;
      setTimeout(() => ending?.terminate(), 500).unref();
    },
  };
}

type StreamHooks = { onWelcome: LinkEvents["opened"]; onEnd: () => void };

/** Runs one stream by the wire contract (docs/stream.md). Whatever comes in, it ends in a frame or in a close code. */
function runStream(
  opening: WebSocket,
  { events, hello, log, silentMs }: LinkOptions & { silentMs: number },
  { onWelcome, onEnd }: StreamHooks,
): void {
  let silence: NodeJS.Timeout | undefined;
  let welcomed = false;
  let rejected = false;
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => opening.terminate(), silentMs);
    silence.unref();
  };
  const reject = (code: number, reason: string): void => {
    rejected = true;
    log("warn", "the collector's frame breaks the wire contract", { code, reason });
    opening.close(code, reason.slice(0, 120));
  };
  opening.on("open", () => {
    heard();
    opening.send(JSON.stringify(hello()));
  });
  opening.on("ping", heard);
  opening.on("message", (data: Buffer, isBinary) => {
    if (rejected) return;
    heard();
    const read = isBinary ? { code: 1003, reason: "binary frames are not spoken here" } : readFrame(data);
    if ("code" in read) return reject(read.code, read.reason);
    const { frame } = read;
    if (frame.kind !== "welcome")
      return welcomed ? events.frame(frame) : reject(1008, "the first frame must be welcome");
    if (welcomed) return reject(1008, "a second welcome");
    if (Math.abs(frame.version - streamVersion) > 1) return reject(1008, `version ${frame.version}`);
    welcomed = true;
    onWelcome(frame);
  });
  // ws closes by itself on broken framing (1002), invalid UTF-8 (1007) and too large frames (1009); `close` follows.
  opening.on("error", (error) => log("warn", "the stream to the collector failed", { error }));
  opening.on("close", () => {
    clearTimeout(silence);
    onEnd();
  });
}

/** One text frame, or the close code that it deserves (RFC 6455, 7.4.1). Never throws. */
export function readFrame(data: Uint8Array): { frame: CollectorFrame } | { code: number; reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8"));
  } catch {
    return { code: 1007, reason: "not JSON" };
  }
  const parsed = CollectorFrame.safeParse(value);
  if (parsed.success) return { frame: parsed.data };
  const [issue] = parsed.error.issues;
  return { code: 1008, reason: `not a frame: ${issue?.path.map(String).join(".") || "kind"}` };
}
