import { APIError } from "openai";
import { describe, expect, it, test } from "vitest";
import { openaiCheck, openaiClient } from "../servers/openai-check.ts";
import { peerMissing } from "../servers/peer.ts";
import { tappedPeer } from "../servers/tapped-peer.ts";

const minutes = 60_000;
const missing = peerMissing("openai");
if (missing) test.skip(`the openai library: ${missing}`, () => undefined);
else {
  describe("a real llama.cpp and the openai library", () => {
    const at = tappedPeer("openai", { env: { EMBEDDING: "true" } });

    it(
      "sees through the tap what it sees directly: answers, streams, embeddings, errors, aborts",
      async () => {
        // The server closes a connection behind a 500 without a word: directly the library meets that now and then,
        // and asks again; behind the tap it must not.
        const direct = await openaiCheck(at.peer.url, at.peer.model, { maxRetries: 1 });
        expect(await openaiCheck(at.tap, at.peer.model)).toEqual(direct);
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
        const stream = await openaiClient(at.tap).chat.completions.create({
          model: at.peer.model,
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
            if (++pieces === 5) at.peer.signal("SIGKILL");
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
