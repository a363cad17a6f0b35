import type { Server } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import type { Http2Side } from "./h2/open-http2.ts";
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
  http2,
  clients,
  ms,
}: {
  core: TapCore;
  listeners: NetServer[];
  server: Server;
  http2: Http2Side;
  clients: ReadonlySet<Socket>;
  ms: number;
}): Promise<void> {
  core.draining = true;
  for (const listener of listeners) stopListening(listener);
  http2.sayGoodbye();
  const nowMs = () => core.deps.clock.monotonicMs();
  const startedMs = nowMs();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(deadline);
      clearInterval(poll);
      server.close();
      server.closeAllConnections();
      http2.close();
      for (const client of core.tunnels) client.destroy();
      core.upstreams.close();
      resolve();
    };
    const look = () => {
      const idleOnly = core.passages.size === 0 && core.tunnels.size === 0;
      const pastGrace = nowMs() - startedMs >= graceMs;
      if (pastGrace) http2.leave();
      if (clients.size === 0 || (idleOnly && pastGrace)) finish();
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
