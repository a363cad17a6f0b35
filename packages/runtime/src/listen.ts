import type { AddressInfo, Server } from "node:net";
import { Fault, isLoopback, splitAddress } from "@locum/contracts";

/**
 * Starts a server of node:http, node:https or node:net and gives the address that it got (port 0 lets the system
 * choose). What carries tokens listens off loopback only with TLS: `secrets` says that it does, `tls` that it may.
 * @throws Fault config-invalid (in the clear off loopback, or an address that is not this machine's) | conflict (taken)
 */
export async function listen(
  server: Server,
  address: string,
  { secrets = true, tls = false }: { secrets?: boolean; tls?: boolean } = {},
): Promise<{ host: string; port: number; url: string }> {
  const { host, port } = splitAddress(address);
  if (secrets && !tls && !isLoopback(host))
    throw new Fault("config-invalid", `${address}: expected a loopback address or TLS, found neither`, {
      hint: "Listen on 127.0.0.1, or name a certificate and its key.",
    });
  const bare = host.replace(/^\[|\]$/g, "");
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(listenFault(address, error));
    server.once("error", fail);
    server.listen({ host: bare, port, backlog: 511 }, () => {
      server.off("error", fail);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo;
  return { host, port: bound.port, url: `${tls ? "https" : "http"}://${host}:${bound.port}` };
}

function listenFault(address: string, error: NodeJS.ErrnoException): Fault {
  if (error.code === "EADDRINUSE")
    return new Fault("conflict", `${address}: another process listens there`, {
      hint: "Stop it, or choose another port (0 lets the system choose).",
      cause: error,
    });
  return new Fault("config-invalid", `${address}: cannot listen there: ${error.message}`, { cause: error });
}
