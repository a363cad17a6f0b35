import { afterEach, expect, test } from "vitest";
import { answerWith, closeFleets, good, infer, startFleet, statusOf } from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";

afterEach(closeFleets);

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const head = (type: string) =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
const json = head("application/json");

test.each([
  ["JSON in chunks", `${json}${chunk('{"y":')}${chunk("NaN}")}0\r\n\r\n`],
  ["JSON of a type of its own", `${head("application/problem+json; a=b")}${chunk("NaN")}0\r\n\r\n`],
  ["tensors in chunks", `${head("application/octet-stream")}${chunk("NaN")}0\r\n\r\n`],
])("%s that are wrong are answered by another instance", async (_name, answer) => {
  const { tap } = await startFleet([answerWith(answer), good]);
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(/\{"y":1\}$/);
  expect(tap.outcomes().sort()).toEqual(["a:not-finite!", "b:ok"]);
});

test("JSON to the close of the connection is looked at too", async () => {
  const { tap } = await startFleet([
    ({ socket }) => void socket.end("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\nNaN"),
    good,
  ]);
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(/\{"y":1\}$/);
});

test("a short answer in chunks that breaks off is asked for again", async () => {
  const { tap } = await startFleet([
    ({ socket }) => void socket.write(json + chunk("{"), () => socket.destroy()),
    good,
  ]);
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  expect(tap.outcomes().sort()).toEqual(["a:truncated!", "b:ok"]);
});

test("beyond the limit an answer of no told length goes on unseen, whole", async () => {
  const part = "x".repeat(1_000);
  const { tap } = await startFleet(
    [answerWith(`${json}${chunk(part).repeat(100)}${chunk("NaN")}0\r\n\r\n`), good],
    { limits: { answerHeldBytes: 10_000 } },
  );
  const bytes = (await rawRequest(tap.port, infer())).toString();
  expect(bytes.split(part).length - 1).toBe(100);
  expect(bytes).toMatch(/NaN\r\n0\r\n\r\n$/);
  expect(tap.outcomes()).toEqual(["a:ok"]);
});

test("who dribbles JSON is let through while it comes", async () => {
  const { tap, upstreams } = await startFleet([answerWith(json + chunk("[1")), good]);
  const client = rawClient(tap.port, infer());
  await expect.poll(() => client.received().toString()).toContain("[1");
  upstreams[0]?.requests[0]?.socket.write(`${chunk(",2]")}0\r\n\r\n`);
  await expect.poll(() => client.received().toString()).toMatch(/0\r\n\r\n$/);
  expect(tap.outcomes()).toEqual(["a:ok"]);
  client.socket.destroy();
});

test.each(["text/plain", "application/x-ndjson", "application/stream+json", "text/event-stream"])(
  "%s is never held back",
  async (type) => {
    const { tap } = await startFleet([answerWith(head(type) + chunk("piece")), good], {
      limits: { answerHeldMs: 1_000_000 },
    });
    const client = rawClient(tap.port, infer());
    await expect.poll(() => client.received().toString()).toContain("piece");
    client.socket.destroy();
  },
);
