import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Faults, openFaults } from "./faults.ts";
import { openGate } from "./gate.ts";
import { openMetrics } from "./metrics.ts";
import { openModelStore } from "./model-store.ts";
import { answerRequest } from "./routes.ts";

export type ModelServerOptions = {
  repository: string;
  port?: number;
  host?: string;
  random?: () => number;
  maxConcurrency?: number;
  bodyBytesMax?: number;
};

/**
 * A real Open Inference Protocol v2 server on onnxruntime for the demo and the tests, with faults to order. It reads
 * each model's bytes into memory when it starts and when a load asks for it, never in between and never by mapping.
 */
export async function startModelServer({
  repository,
  port = 0,
  host = "127.0.0.1",
  random = Math.random,
  maxConcurrency = 64,
  bodyBytesMax = 16 * 1024 * 1024,
}: ModelServerOptions): Promise<{ url: string; faults: Faults; close(): Promise<void> }> {
  const store = await openModelStore(repository);
  const faults = openFaults({ random });
  const deps = { store, faults, metrics: openMetrics(), gate: openGate(maxConcurrency), bodyBytesMax };
  const server = createServer((request, response) => void answerRequest(deps, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    faults,
    close: () =>
      new Promise((resolve) => {
        faults.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
