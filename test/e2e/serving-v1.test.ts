import { connect, type ModelServer } from "@locum/serving";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Subject, servingConformance } from "../conformance/serving.ts";
import { type Peer, peerMissing, startPeer } from "../servers/peer.ts";

const patient = { timeoutMs: 20_000 };

const kserveMissing = peerMissing("kserve");
if (kserveMissing) test.skip(`kserve: ${kserveMissing}`, () => undefined);
else servingConformance("kserve-v1 on a real kserve", { open: openKserve });

const torchserveMissing = peerMissing("torchserve");
if (torchserveMissing) test.skip(`torchserve: ${torchserveMissing}`, () => undefined);
else {
  servingConformance("torchserve on a real torchserve", { open: () => openTorchserve({ seesFiles: true }) });
  servingConformance("torchserve, its files elsewhere", { open: () => openTorchserve({ seesFiles: false }) });
  describe("a real torchserve that lost its model", lostModelCases);
}

async function openKserve(): Promise<Subject> {
  const peer = await startPeer("kserve");
  const spoken = { protocol: "kserve-v1", url: peer.url } as const;
  const server = connect(spoken);
  const [row = []] = await peer.inputs();
  return {
    server,
    model: peer.model,
    serverName: "kserve",
    goodRequest: { instances: [row] },
    wrongRequest: { instances: [[1, 2, 3]] },
    // Past binary32, so that the softmax divides infinities; orjson writes NaN as null.
    nanRequest: { instances: [Array(64).fill(1e39)] },
    keepsOld: true,
    reconnect: (options) => connect({ ...spoken, ...options }),
    swapFiles: peer.swap,
    async close() {
      server.close();
      await peer.stop();
    },
  };
}

async function openTorchserve({ seesFiles }: { seesFiles: boolean }): Promise<Subject> {
  const peer = await startPeer("torchserve");
  const spoken = { protocol: "torchserve", url: peer.url } as const;
  const server = connect({ ...spoken, ...(seesFiles ? { modelDir: peer.modelDir } : {}) });
  const [row = []] = await peer.inputs();
  return {
    server,
    model: peer.model,
    serverName: "torchserve",
    goodRequest: { instances: [row] },
    wrongRequest: { instances: [[1, 2, 3]] },
    keepsOld: true,
    reconnect: (options) => connect({ ...spoken, ...options }),
    swapFiles: peer.swap,
    async close() {
      server.close();
      await peer.stop();
    },
  };
}

function lostModelCases(): void {
  let peer: Peer;
  let server: ModelServer;
  beforeAll(async () => {
    peer = await startPeer("torchserve");
    server = connect({ protocol: "torchserve", url: peer.url, modelDir: peer.modelDir });
  }, 600_000);
  afterAll(async () => {
    server?.close();
    await peer?.stop();
  });

  test("is not ready while its ping says Healthy, and comes back with a reload", async () => {
    expect(await server.ready(peer.model, patient)).toMatchObject({ ok: true });
    await fetch(`${peer.management}/models/${peer.model}`, { method: "DELETE" });
    expect(await server.live(patient)).toMatchObject({ ok: true });
    expect(await server.ready(undefined, patient)).toMatchObject({ ok: false });
    expect(await server.ready(peer.model, patient)).toMatchObject({ ok: false });
    expect(await server.reload(peer.model, patient)).toMatchObject({ reloaded: true });
    expect(await server.ready(peer.model, patient)).toMatchObject({ ok: true });
  });

  test("a reload keeps how the model was registered", async () => {
    await fetch(`${peer.management}/models/${peer.model}`, { method: "DELETE" });
    const how = "initial_workers=1&batch_size=3&max_batch_delay=70&response_timeout=50&synchronous=true";
    await fetch(`${peer.management}/models?url=digits.mar&model_name=${peer.model}&${how}`, {
      method: "POST",
    });
    expect(await server.reload(peer.model, patient)).toMatchObject({ reloaded: true });
    const [registered] = (await (await fetch(`${peer.management}/models/${peer.model}`)).json()) as object[];
    expect(registered).toMatchObject({ batchSize: 3, maxBatchDelay: 70, responseTimeout: 50, minWorkers: 1 });
    const names = (await (await fetch(`${peer.management}/models`)).json()) as { models: unknown[] };
    expect(names.models).toHaveLength(1);
  });
}
