import { Fault } from "@locum/contracts";

/** The address of a server's gRPC port: as it is named, else the port above the URL's. */
export function grpcAddress(base: string, named: string | undefined): string {
  if (named !== undefined) return named;
  const { hostname, port, protocol } = new URL(base);
  const above = Number(port || (protocol === "https:" ? 443 : 80)) + 1;
  if (above > 65_535) {
    throw new Fault("usage", `no port above that of ${base}`, { hint: "Name the gRPC port as host:port." });
  }
  return `${hostname}:${above}`;
}
