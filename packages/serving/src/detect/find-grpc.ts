import { speaksHttp2 } from "../grpc/speaks-http2.ts";
import type { CallOptions } from "../model-server.ts";
import type { ServerIdentity } from "../oip-v2/server.ts";
import { probeGrpc } from "../oip-v2-grpc/probe.ts";

export type GrpcFound = {
  address: string;
  server: ServerIdentity | undefined;
  /** Neither named nor the server's own port. */
  isNeighbour: boolean;
};

/**
 * Where the server speaks gRPC: at the address that is named, else on its own port, on the one above, or on 8001, which
 * Triton takes. On 8001 any other server may be, so that one only counts where it calls itself as `named` does.
 */
export async function findGrpc(
  {
    base,
    grpc,
    named,
    tried,
    ...access
  }: {
    base: string;
    grpc: string | undefined;
    ca?: string | Uint8Array;
    headers?: Record<string, string>;
    named: Promise<ServerIdentity | undefined>;
    tried: { line: string; own: boolean }[];
  },
  remaining: () => CallOptions,
): Promise<GrpcFound | undefined> {
  const call = remaining();
  const { protocol, hostname, port } = new URL(base);
  const own = Number(port || (protocol === "https:" ? 443 : 80));
  const near = [own + 1, own].filter((one) => one <= 65_535).map((one) => `${hostname}:${one}`);
  const candidates = grpc === undefined ? [...new Set([...near, `${hostname}:8001`])] : [grpc];
  const answers = await Promise.all(
    candidates.map(async (address) => {
      const secure = protocol === "https:";
      const { speaks, reason } = await speaksHttp2({ address, secure, ...call, ...access });
      if (!speaks) tried.push({ line: `gRPC ${address}: ${reason}`, own: false });
      if (!speaks) return { address, speaks };
      const answer = await probeGrpc({ address, secure, ...remaining(), ...access });
      tried.push({ line: answer.evidence, own: false });
      return { address, ...answer };
    }),
  );
  const server = await named;
  const found = answers.find(
    (answer) =>
      answer.speaks && (grpc !== undefined || near.includes(answer.address) || calls(answer, server)),
  );
  if (!found) return undefined;
  const { address } = found;
  const isNeighbour = grpc === undefined && address !== `${hostname}:${own}`;
  return { address, server: "server" in found ? found.server : undefined, isNeighbour };
}

function calls(answer: { server?: ServerIdentity }, named: ServerIdentity | undefined): boolean {
  return named !== undefined && answer.server?.name === named.name;
}
