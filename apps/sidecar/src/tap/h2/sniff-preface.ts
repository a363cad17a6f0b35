import type { Socket } from "node:net";

/**
 * Tells HTTP/2 with prior knowledge (RFC 9113, 3.4) from HTTP/1 by the first bytes of a connection, and hands it on
 * with all of them unread. `PRI` is no method that a server of HTTP/1 knows, so 14 bytes decide. A connection that
 * does not say in time what it is, is closed.
 */
export function sniffPreface(
  socket: Socket,
  {
    timeoutMs,
    onHttp1,
    onHttp2,
  }: { timeoutMs: number; onHttp1: (socket: Socket) => void; onHttp2: (socket: Socket) => void },
): void {
  let seen: Buffer | undefined;
  const close = () => socket.destroy();
  const timer = setTimeout(close, timeoutMs);
  const clear = () => clearTimeout(timer);
  const onData = (chunk: Buffer) => {
    seen = seen ? Buffer.concat([seen, chunk]) : chunk;
    const looked = Math.min(seen.length, preface.length);
    const matches = seen.compare(preface, 0, looked, 0, looked) === 0;
    if (matches && looked < preface.length) return;
    clear();
    socket.off("data", onData);
    socket.off("close", clear);
    socket.off("end", close);
    socket.off("error", close);
    socket.pause();
    socket.unshift(seen);
    if (matches) return onHttp2(socket);
    onHttp1(socket);
    socket.resume();
  };
  socket.on("close", clear);
  socket.on("end", close);
  socket.on("error", close);
  socket.on("data", onData);
}

const preface = Buffer.from("PRI * HTTP/2.0");
