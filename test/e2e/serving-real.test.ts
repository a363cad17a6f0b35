import { connect } from "@locum/serving";
import { test } from "vitest";
import { type Subject, servingConformance } from "../conformance/serving.ts";
import { peerMissing, startPeer } from "../servers/peer.ts";

/** The conformance suite against model servers that we did not write. */
const peers = [
  // Load does nothing there unless a file changed, half of its routes answer 400 where others say 404.
  { name: "triton", binary: true, nan: true },
  // The health has a body, there is no repository index, a request without an id may fail.
  { name: "kserve", binary: false, nan: true },
  // No binary tensors, an index that wants a body, and the model in a process of its own.
  { name: "mlserver", binary: false, nan: false },
] as const;

for (const peer of peers) {
  const missing = peerMissing(peer.name);
  if (missing) test.skip(`${peer.name}: ${missing}`, () => undefined);
  else {
    servingConformance(`oip-v2-rest on a real ${peer.name}`, { open: () => open(peer) });
    servingConformance(`oip-v2-grpc on a real ${peer.name}`, { open: () => openGrpc(peer) });
  }
}

async function open(peer: (typeof peers)[number]): Promise<Subject> {
  const running = await startPeer(peer.name);
  const metricsUrl = peer.name === "mlserver" && running.metrics ? { metricsUrl: running.metrics } : {};
  const server = connect({ url: running.url, ...metricsUrl });
  const input = { name: "x", datatype: "FP32", shape: [1, 64], data: (await running.inputs())[0] ?? [] };
  const goodRequest = { inputs: [input] };
  return {
    server,
    model: running.model,
    serverName: peer.name,
    goodRequest,
    wrongRequest: { inputs: [{ ...input, shape: [1, 3], data: [1, 2, 3] }] },
    // Past binary32, so that the softmax divides infinities.
    ...(peer.nan ? { nanRequest: { inputs: [{ ...input, data: Array(64).fill(1e39) }] } } : {}),
    ...(peer.binary ? { binaryRequest: { ...goodRequest, parameters: { binary_data_output: true } } } : {}),
    reconnect: (options) => connect({ url: running.url, ...options }),
    swapFiles: running.swap,
    async close() {
      server.close();
      await running.stop();
    },
  };
}

/** The same server, files and golden request; only the port and the protocol are others. */
async function openGrpc(peer: (typeof peers)[number]): Promise<Subject> {
  const running = await startPeer(peer.name);
  const { url, grpc, metrics } = running;
  const spoken = { protocol: "oip-v2-grpc", url, ...(grpc ? { grpc } : {}) } as const;
  const server = connect({ ...spoken, ...(metrics ? { metricsUrl: metrics } : {}) });
  const input = { name: "x", datatype: "FP32", shape: [1, 64], data: (await running.inputs())[0] ?? [] };
  const goodRequest = { inputs: [input] };
  return {
    server,
    model: running.model,
    serverName: peer.name,
    goodRequest,
    wrongRequest: { inputs: [{ ...input, shape: [1, 3], data: [1, 2, 3] }] },
    ...(peer.nan ? { nanRequest: { inputs: [{ ...input, data: Array(64).fill(1e39) }] } } : {}),
    reconnect: (options) => connect({ ...spoken, ...options }),
    swapFiles: running.swap,
    async close() {
      server.close();
      await running.stop();
    },
  };
}
