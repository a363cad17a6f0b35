import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { openaiCheck, openaiClient } from "../servers/openai-check.ts";
import { type Peer, peerMissing, startPeer } from "../servers/peer.ts";
import { serviceBeside } from "../servers/service-beside.ts";
import { type StartedSidecar, startSidecar } from "../sidecar/start-sidecar.ts";

const minutes = 60_000;
const missing = peerMissing("openai");
if (missing) test.skip(`the openai library: ${missing}`, () => undefined);
else {
  describe("a real llama.cpp and the openai library", () => {
    let dir: string;
    let peer: Peer;
    let sidecar: StartedSidecar;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-openai-client-"));
      peer = await startPeer("openai", { env: { EMBEDDING: "true" } });
      sidecar = await startSidecar(serviceBeside(peer, dir), "a", { stateDir: join(dir, "state") });
    }, 8 * minutes);
    afterAll(async () => {
      await sidecar?.close();
      await peer?.stop();
      await rm(dir, { recursive: true, force: true });
    }, 2 * minutes);

    it(
      "sees through the tap what it sees directly: answers, streams, embeddings, errors, aborts",
      async () => {
        const direct = await openaiCheck(peer.url, peer.model);
        expect(await openaiCheck(sidecar.tap, peer.model)).toEqual(direct);
        expect(direct).toMatchObject({
          chat: { choices: [{ finish_reason: "length" }] },
          embeddings: { data: [{ object: "embedding" }, { object: "embedding" }] },
          "no messages": { status: expect.any(Number) },
          "a call that it lacks": { threw: "NotFoundError" },
        });
        expect((direct["a long stream"] as unknown[]).length).toBeGreaterThan(100);
      },
      2 * minutes,
    );

    it(
      "a server that is killed amid a stream: the library throws, and never gives the text for whole",
      async () => {
        const stream = await openaiClient(sidecar.tap).chat.completions.create({
          model: peer.model,
          temperature: 0,
          max_tokens: 400,
          messages: [{ role: "user", content: "Say something." }],
          stream: true,
        });
        const ends: unknown[] = [];
        const read = async () => {
          let pieces = 0;
          for await (const { choices } of stream) {
            ends.push(choices[0]?.finish_reason ?? null);
            if (++pieces === 5) peer.signal("SIGKILL");
          }
        };
        await expect(read()).rejects.toThrow(APIError);
        expect(ends.length).toBeGreaterThanOrEqual(5);
        expect(ends.filter((end) => end !== null)).toEqual([]);
      },
      minutes,
    );
  });
}
