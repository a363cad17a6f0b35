import { connect } from "node:net";
import { type LoadResult, openLoop, type Rate } from "./open-loop.ts";

type Connection = { send(request: Buffer, ended: (latencyMs: number | undefined) => void): void };

/** POST requests of one size over kept connections. Latency counts from the moment of sending. */
export async function httpLoop({
  port,
  bodyBytes,
  ...rate
}: Rate & { port: number; bodyBytes: number }): Promise<LoadResult> {
  const head = `POST /v2/models/m/infer HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), Buffer.alloc(bodyBytes, "1")]);
  const idle: Connection[] = [];
  const closing: (() => void)[] = [];
  const result = await openLoop(rate, (ended) => {
    const connection = idle.pop() ?? openConnection(port, closing);
    connection.send(request, (latencyMs) => {
      if (latencyMs !== undefined) idle.push(connection);
      ended(latencyMs);
    });
  });
  for (const close of closing) close();
  return result;
}

function openConnection(port: number, closing: (() => void)[]): Connection {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  closing.push(() => socket.destroy());
  let waiting: ((latencyMs: number | undefined) => void) | undefined;
  let sentMs = 0;
  let text = "";
  const end = (isGood: boolean) => {
    const tell = waiting;
    waiting = undefined;
    text = "";
    tell?.(isGood ? performance.now() - sentMs : undefined);
  };
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const headEnd = text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    if (text.length >= headEnd + 4 + length) end(text.startsWith("HTTP/1.1 200"));
  });
  socket.on("error", () => {});
  socket.on("close", () => end(false));
  return {
    send(request, ended) {
      waiting = ended;
      sentMs = performance.now();
      if (socket.destroyed) end(false);
      else socket.write(request);
    },
  };
}
