import { open as openFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Golden } from "@locum/contracts";
import { learnGolden, matchGolden } from "@locum/coordination";
import { connect, type ModelServer, openaiNoise, pinOpenai } from "@locum/serving";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Subject, servingConformance } from "../conformance/serving.ts";
import { type Peer, peerMissing, startPeer } from "../servers/peer.ts";

const messages = [
  { role: "system", content: "be kind" },
  { role: "user", content: "the house" },
];
const { request: chat } = pinOpenai({ messages });
const patient = { timeoutMs: 20_000 };
const connectTo = (url: string, options: object = {}) => connect({ url, protocol: "openai", ...options });

const missing = peerMissing("openai");
if (missing) test.skip(`openai: ${missing}`, () => undefined);
else {
  servingConformance("openai on a real llama.cpp", { open });
  describe("goldens of a real llama.cpp", goldenCases);
}

async function open(): Promise<Subject> {
  const running = await startPeer("openai");
  const server = connectTo(running.url);
  return {
    server,
    model: running.model,
    serverName: "llama-cpp-python",
    goodRequest: chat,
    wrongRequest: { ...chat, messages: "none" },
    // Tokens of a prompt that is remembered, or read again, are summed in another order.
    noise: 0.01,
    reloads: false,
    reconnect: (options) => connectTo(running.url, options),
    swapFiles: running.swap,
    async close() {
      server.close();
      await running.stop();
    },
  };
}

function goldenCases(): void {
  let peer: Peer;
  let server: ModelServer;
  beforeAll(async () => {
    peer = await startPeer("openai");
    server = connectTo(peer.url);
  }, 600_000);
  afterAll(async () => {
    server?.close();
    await peer?.stop();
  });

  const requests = {
    "a chat": chat,
    "a chat in a stream": pinOpenai({ messages, stream: true }).request,
    "a chat without a system prompt": pinOpenai({ messages: messages.slice(1) }).request,
    "a completion": pinOpenai({ prompt: "once upon a time" }).request,
  };
  const ask = async (request: unknown) => (await server.infer(peer.model, request, patient)).outputs;

  async function learned(request: Record<string, unknown>) {
    const alone = [await ask(request), await ask(request), await ask(request)];
    const result = learnGolden({
      id: "0123456789abcdef",
      model: peer.model,
      request,
      samples: [{ instance: "a", answers: alone }],
      bands: openaiNoise,
    });
    if ("refusal" in result) throw new Error(`${result.refusal.code}: ${result.refusal.detail}`);
    return result.golden;
  }

  test("pass while the model is right, after a restart too, and fail where it is wrong or another", async () => {
    const goldens: Golden[] = [];
    for (const request of Object.values(requests)) goldens.push(await learned(request));
    // One at a time: this server cuts a stream off when another request waits.
    const verdicts = async () => {
      const passes: boolean[] = [];
      for (const { request, expected } of goldens)
        passes.push(matchGolden(await ask(request), expected).pass);
      return passes;
    };
    expect(await verdicts()).toEqual([true, true, true, true]);
    await peer.restart();
    expect(await verdicts()).toEqual([true, true, true, true]);

    await peer.swap("wrong");
    expect(await verdicts(), "a file that was replaced is not read").toEqual([true, true, true, true]);
    await peer.restart();
    expect(await server.ready(peer.model, patient), "the server says nothing of it").toMatchObject({
      ok: true,
    });
    expect(await verdicts()).toEqual([false, false, false, false]);

    await peer.swap("good");
    await peer.restart();
    expect(await verdicts()).toEqual([true, true, true, true]);

    // The weights are mapped: what is written into the file is what answers, with no reload at all.
    const wrong = await readFile(join(peer.modelDir, "..", "variants", "wrong", "model.gguf"));
    const live = await openFile(peer.liveFile, "r+");
    await live.write(wrong);
    await live.close();
    expect(await verdicts()).toEqual([false, false, false, false]);
  }, 120_000);

  test("are not learned where the system prompt differs: the answer and the count of its tokens change", async () => {
    const [plain, prompted] = [await ask(requests["a chat without a system prompt"]), await ask(chat)];
    const tokensOf = (outputs: typeof plain) => outputs.find(({ name }) => name === "prompt_tokens")?.data[0];
    expect(tokensOf(prompted)).toBeGreaterThan(Number(tokensOf(plain)));
  });

  test("a model that does not load is a server that is gone", async () => {
    await peer.swap("garbage");
    await peer.restart({ waits: false });
    await expect
      .poll(() => server.live(patient), { timeout: 20_000 })
      .toMatchObject({ ok: false, detail: "refused" });
  }, 60_000);
}
