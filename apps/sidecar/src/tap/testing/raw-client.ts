import { connect, type Socket } from "node:net";

export type RawClient = {
  socket: Socket;
  /** All bytes so far. */
  received(): Buffer;
  /** Resolves when the connection has ended, with how. */
  ended: Promise<{ bytes: Buffer; reset: boolean }>;
};

/** Sends bytes as they are and collects what comes back. */
export function rawClient(port: number, bytes: string | Buffer = ""): RawClient {
  const chunks: Buffer[] = [];
  let reset = false;
  const socket = connect({ port, host: "127.0.0.1" });
  socket.setNoDelay(true);
  const ended = new Promise<{ bytes: Buffer; reset: boolean }>((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => {
      reset = true;
    });
    socket.on("close", () => resolve({ bytes: Buffer.concat(chunks), reset }));
  });
  if (bytes.length > 0) socket.write(bytes, "latin1");
  return { socket, received: () => Buffer.concat(chunks), ended };
}

/** One request on a connection of its own. */
export async function rawRequest(port: number, bytes: string | Buffer): Promise<Buffer> {
  return (await rawClient(port, bytes).ended).bytes;
}
