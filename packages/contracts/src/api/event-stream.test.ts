import fc from "fast-check";
import { expect, test } from "vitest";
import { eventStream, type ServerSentEvent } from "./event-stream.ts";

async function* pieces(text: string, cuts: number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let from = 0;
  for (const cut of [...cuts.map((share) => Math.floor(share * bytes.length)), bytes.length].sort(
    (a, b) => a - b,
  )) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

async function read(stream: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

test("events are the same however the bytes are cut", async () => {
  const word = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => JSON.stringify(text));
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 5 }), cuts, async (words, at) => {
      const text = words.map((data, id) => `: beat\n\nid: ${id}\nevent: audit\ndata: ${data}\n\n`).join("");
      const expected = words.map((data, id) => ({ id: String(id), event: "audit", data }));
      expect(await read(eventStream(pieces(text, at)))).toEqual(expected);
    }),
  );
});

test("an endless event is refused instead of kept", async () => {
  await expect(
    read(eventStream(pieces("data: xxxxxxxxxxxxxxxx", []), { eventCharsMax: 10 })),
  ).rejects.toThrow("larger than 10");
});

test("an event that was cut off is not delivered", async () => {
  expect(await read(eventStream(pieces("id: 1\ndata: {}\n", [])))).toEqual([]);
});
