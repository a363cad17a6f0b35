import { connect, type Socket } from "node:net";

export type LoadResult = { latenciesMs: number[]; failed: number };

/**
 * Sends POST requests of one size at a fixed rate, whatever the answers do (an open loop: a slow server does not
 * slow the generator down and so hide its own queue). Latency counts from the moment of sending.
 */
export function httpLoop({
  port,
  bodyBytes,
  perSecond,
  seconds,
}: {
  port: number;
  bodyBytes: number;
  perSecond: number;
  seconds: number;
}): Promise<LoadResult> {
  const head = `POST /v2/models/m/infer HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), Buffer.alloc(bodyBytes, "1")]);
  const total = Math.round(perSecond * seconds);
  const result: LoadResult = { latenciesMs: [], failed: 0 };
  const idle: Connection[] = [];
  const all: Connection[] = [];
  return new Promise((resolve) => {
    let [sent, done] = [0, 0];
    const startedMs = performance.now();
    const onDone = (connection: Connection, latencyMs: number | undefined) => {
      done += 1;
      if (latencyMs === undefined) result.failed += 1;
      else result.latenciesMs.push(latencyMs);
      if (latencyMs !== undefined) idle.push(connection);
      if (done < total) return;
      for (const { socket } of all) socket.destroy();
      resolve(result);
    };
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
      for (; sent < due; sent += 1) {
        const connection = idle.pop() ?? openConnection(port, onDone, all);
        connection.sentMs = performance.now();
        connection.socket.write(request);
      }
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}

type Connection = { socket: Socket; sentMs: number };

function openConnection(
  port: number,
  onDone: (connection: Connection, latencyMs: number | undefined) => void,
  all: Connection[],
): Connection {
  const socket = connect({ port, host: "127.0.0.1" });
  const connection: Connection = { socket, sentMs: 0 };
  all.push(connection);
  socket.setNoDelay(true);
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    const good = text.startsWith("HTTP/1.1 200");
    text = "";
    onDone(connection, good ? performance.now() - connection.sentMs : undefined);
  });
  let over = false;
  const lost = () => {
    if (!over && connection.sentMs > 0) onDone(connection, undefined);
    over = true;
  };
  socket.on("error", lost);
  return connection;
}
