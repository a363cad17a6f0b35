import type { Server } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { TapCore } from "./tap-core.ts";

/**
 * Ends the tap without breaking a request: the listeners close, every answer from now on closes its connection, and
 * what is left after `ms` is cut. A connection without a request is not cut at once: its request may be on the way,
 * above all on one that was accepted just before a successor took over.
 */
export function drainTap({
  core,
  listeners,
  server,
  clients,
  ms,
}: {
  core: TapCore;
  listeners: NetServer[];
  server: Server;
  clients: ReadonlySet<Socket>;
  ms: number;
}): Promise<void> {
  core.draining = true;
  for (const listener of listeners) stopListening(listener);
  const nowMs = () => core.deps.clock.monotonicMs();
  const startedMs = nowMs();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(deadline);
      clearInterval(poll);
      server.close();
      server.closeAllConnections();
      for (const client of core.tunnels) client.destroy();
      core.upstreams.close();
      resolve();
    };
    const look = () => {
      const idleOnly = core.passages.size === 0 && core.tunnels.size === 0;
      if (clients.size === 0 || (idleOnly && nowMs() - startedMs >= graceMs)) finish();
    };
    const deadline = setTimeout(finish, ms);
    const poll = setInterval(look, lookEveryMs);
    look();
  });
}

/** The close of an HTTP server would also end every idle connection, and with it the request that is on its way. */
function stopListening(listener: NetServer): void {
  if (listener.listening) NetServer.prototype.close.call(listener);
}

const graceMs = 1_000;
const lookEveryMs = 20;
