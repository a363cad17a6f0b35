import { connect } from "node:http2";
import type { CallOptions } from "../model-server.ts";

export type Http2Spoken = { speaks: boolean; reason: string };

/**
 * Whether somebody at host:port opens HTTP/2 (by its settings, within the time): what gRPC needs first, and much cheaper
 * to ask than a whole client. The connection is torn down at once, also where the other side never says a word. Never
 * throws.
 */
export function speaksHttp2({
  address,
  secure,
  ca,
  timeoutMs,
  signal,
}: CallOptions & {
  address: string;
  secure: boolean;
  ca?: string | Uint8Array;
}): Promise<Http2Spoken> {
  if (!URL.canParse(`http://${address}`)) return Promise.resolve({ speaks: false, reason: "no host:port" });
  return new Promise((resolve) => {
    const session = connect(`${secure ? "https" : "http"}://${address}`, {
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      maxReservedRemoteStreams: 0,
    });
    const settle = (speaks: boolean, reason: string) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      session.destroy();
      resolve({ speaks, reason });
    };
    const abort = () => settle(false, "aborted");
    const timer = setTimeout(
      () => settle(false, `timeout (no HTTP/2 within ${Math.round(timeoutMs)} ms)`),
      timeoutMs,
    );
    signal?.addEventListener("abort", abort, { once: true });
    session.once("remoteSettings", () => settle(true, "HTTP/2"));
    session.on("error", (error: NodeJS.ErrnoException) =>
      settle(
        false,
        `${error.code === "ECONNREFUSED" ? "refused" : "no HTTP/2"} (${error.message.slice(0, 100)})`,
      ),
    );
    session.once("close", () => settle(false, "no HTTP/2 (closed)"));
    // Pushed streams are nobody's.
    session.on("stream", (stream) => stream.destroy());
  });
}
