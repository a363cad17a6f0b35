import { createServer, type Server, type Socket } from "node:net";
import { readMessage, type WireMessage } from "./wire-message.ts";

/** A request as it arrived, byte for byte in its head. */
export type RawRequest = WireMessage & { socket: Socket; connection: number };

export type RawUpstream = {
  url: string;
  port: number;
  requests: RawRequest[];
  connections(): number;
  openSockets(): number;
  /** Every connection that is open, also before its request is whole. */
  each(act: (socket: Socket) => void): void;
  close(): Promise<void>;
};

/** A server that knows nothing of HTTP beyond where a request ends: the test writes every byte of the answer. */
export async function startRawUpstream(
  answer: (request: RawRequest) => void,
  { onHead = () => {} }: { onHead?: (head: string, socket: Socket) => void } = {},
): Promise<RawUpstream> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    const connection = connections;
    connections += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let held = Buffer.alloc(0);
    let headTold = false;
    socket.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const headEnd = held.indexOf("\r\n\r\n");
        if (headEnd >= 0 && !headTold) {
          headTold = true;
          onHead(held.toString("latin1", 0, headEnd), socket);
        }
        const message = readMessage(held);
        if (!message) return;
        headTold = false;
        held = held.subarray(message.bytes);
        const request = { ...message, socket, connection };
        requests.push(request);
        answer(request);
      }
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    openSockets: () => sockets.size,
    each: (act) => sockets.forEach(act),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("expected a TCP port"));
      else resolve(address.port);
    });
  });
}
