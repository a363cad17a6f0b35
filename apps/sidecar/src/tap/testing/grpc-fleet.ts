import type { Client } from "@grpc/grpc-js";
import type { TapDeps } from "../tap-deps.ts";
import { type GrpcHandlers, type GrpcServer, grpcClient, grpcTarget, startGrpc } from "./grpc-rig.ts";
import { type StartedTap, startTap } from "./start-tap.ts";

export type GrpcFleet = { tap: StartedTap; servers: GrpcServer[]; client: Client; direct: Client };

/** A tap before gRPC servers a (its own), b, c, with a client of the tap and one of a itself. `closeGrpcFleets` ends them. */
export async function startGrpcFleet(
  handlers: GrpcHandlers[],
  deps: Partial<TapDeps> = {},
): Promise<GrpcFleet> {
  const servers: GrpcServer[] = [];
  for (const given of handlers) servers.push(await startGrpc(given));
  const [own, ...others] = servers.map((it, i) => grpcTarget("abc"[i] ?? "?", it));
  const tap = await startTap({ own, others }, deps);
  const client = grpcClient(tap.port);
  const direct = grpcClient(servers[0]?.port ?? tap.port);
  alsoClose(...servers, tap, { close: async () => client.close() }, { close: async () => direct.close() });
  return { tap, servers, client, direct };
}

export function alsoClose(...parts: { close(): Promise<void> }[]): void {
  running.push(...parts);
}

/** After each test: ends all that was started, the newest first. */
export async function closeGrpcFleets(): Promise<void> {
  for (const part of running.splice(0).reverse()) await part.close();
}

const running: { close(): Promise<void> }[] = [];
