import type { Server } from "node:http";

/** Ends one part of a process; must not throw. The signal aborts at the deadline. */
export type Closer = (signal: AbortSignal) => Promise<void> | void;

/**
 * Runs the closers one after the other, in the order given (the front door first), and then resolves. At the deadline
 * it resolves too: a process that cannot end is worse than one that ends rudely. Says which parts did not close.
 */
export async function drain(
  parts: readonly (readonly [name: string, close: Closer])[],
  { deadlineMs = 10_000 }: { deadlineMs?: number } = {},
): Promise<{ late: string[] }> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const passed = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve()));
  const late: string[] = [];
  for (const [name, close] of parts) {
    const closed = Promise.resolve()
      .then(() => close(deadline))
      .then(
        () => true,
        () => false,
      );
    const ended = await Promise.race([closed, passed.then(() => false)]);
    if (!ended) late.push(name);
  }
  return { late };
}

/** Stops accepting, lets answers finish, and cuts what is left when the signal aborts. */
export function closeServer(server: Server): Closer {
  return (signal) =>
    new Promise((resolve) => {
      const cut = (): void => server.closeAllConnections();
      signal.addEventListener("abort", cut, { once: true });
      // A kept-alive connection is idle only when its answer has ended, and nothing tells when that is.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      server.close(() => {
        clearInterval(sweep);
        signal.removeEventListener("abort", cut);
        resolve();
      });
      server.closeIdleConnections();
    });
}

/**
 * Resolves with the first of SIGINT and SIGTERM. A second one ends the process at once, as people expect of a second
 * Ctrl-C.
 */
export function firstSignal(
  emitter: Pick<NodeJS.Process, "on" | "off"> = process,
  exit: (code: number) => void = process.exit,
): Promise<"SIGINT" | "SIGTERM"> {
  return new Promise((resolve) => {
    let first = true;
    const seen = (signal: NodeJS.Signals): void => {
      if (!first) return exit(130);
      first = false;
      resolve(signal === "SIGINT" ? "SIGINT" : "SIGTERM");
    };
    emitter.on("SIGINT", seen);
    emitter.on("SIGTERM", seen);
  });
}
