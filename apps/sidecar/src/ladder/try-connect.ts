import { connect } from "node:net";

export type Connected = { outcome: "open" | "refused" | "reset" | "timeout"; detail: string };

/** Is there somebody at the port: a TCP connection, opened and closed again. Never throws. */
export function tryConnect({
  host,
  port,
  timeoutMs,
}: {
  host: string;
  port: number;
  timeoutMs: number;
}): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (outcome: Connected["outcome"], detail: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ outcome, detail });
    };
    const timer = setTimeout(
      () => finish("timeout", `no connection to ${host}:${port} in ${timeoutMs} ms`),
      timeoutMs,
    );
    socket.on("connect", () => finish("open", "open"));
    socket.on("error", ({ code = "", message }: NodeJS.ErrnoException) =>
      finish(
        code === "ECONNRESET" ? "reset" : code === "ETIMEDOUT" ? "timeout" : "refused",
        `${host}:${port}: ${code || message}`,
      ),
    );
  });
}
