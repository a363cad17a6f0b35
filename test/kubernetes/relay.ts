import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands between the API server and the injector, where their network would. */
export type Relay = {
  /** The address that the registration names, for good. */
  url: string;
  /** Where new connections go: the ports of the injectors, each in its turn. */
  to(urls: readonly string[]): void;
  /** Every byte of every connection comes this much later. */
  delay(ms: number): void;
  /** Ends every open connection, as a network that breaks does. */
  cut(): void;
  close(): void;
};

export async function startRelay(): Promise<Relay> {
  let ports: number[] = [];
  let turn = 0;
  let delayMs = 0;
  const open = new Set<Socket>();
  const server = createServer((front) => {
    const port = ports[turn % Math.max(1, ports.length)];
    turn += 1;
    if (port === undefined) return void front.resetAndDestroy();
    const back = connect(port, "127.0.0.1");
    pass(front, back);
    pass(back, front);
  });

  function pass(from: Socket, to: Socket): void {
    open.add(from);
    from.on("data", (part) => later(() => to.write(part)));
    from.on("end", () => later(() => to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => {
      open.delete(from);
      to.destroySoon();
    });
  }
  function later(act: () => unknown): void {
    if (delayMs === 0) act();
    else setTimeout(act, delayMs).unref();
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    to: (urls) => {
      ports = urls.map((url) => Number(new URL(url).port));
    },
    delay: (ms) => {
      delayMs = ms;
    },
    cut,
    close() {
      cut();
      server.close();
    },
  };
}
