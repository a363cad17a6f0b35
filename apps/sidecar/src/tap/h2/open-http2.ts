import type { Socket } from "node:net";
import type { TapCore } from "../tap-core.ts";
import type { Http2Server } from "./serve-http2.ts";

export type Http2Side = {
  /** A connection whose preface has been seen. */
  accept(socket: Socket): void;
  sayGoodbye(): void;
  leave(): void;
  close(): void;
  upstreamConnections(): number;
};

/** HTTP/2 of a tap, loaded at the first connection that speaks it: it costs ten megabytes that most taps never need. */
export function openHttp2(core: TapCore): Http2Side {
  let loading: Promise<void> | undefined;
  let server: Http2Server | undefined;
  let closed = false;
  const load = async () => {
    const { serveHttp2 } = await import("./serve-http2.ts");
    if (!closed) server = serveHttp2(core);
  };
  const serve = (socket: Socket) => {
    socket.off("error", ignore);
    if (server && !socket.destroyed) server.accept(socket);
    else socket.destroy();
  };
  return {
    accept(socket) {
      if (server) return server.accept(socket);
      socket.on("error", ignore);
      loading ??= load();
      loading.then(
        () => serve(socket),
        () => socket.destroy(),
      );
    },
    sayGoodbye: () => server?.sayGoodbye(),
    leave: () => server?.leave(),
    close() {
      closed = true;
      server?.close();
    },
    upstreamConnections: () => server?.upstreams.connections() ?? 0,
  };
}

const ignore = () => {};
