import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { askStore, readBytes } from "./ask-store.ts";

const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = askStore({ timeoutMs: 200, fetch });

test("no answer is given up, and the query that proves who asks is not repeated", async () => {
  const url = await serve(() => {});
  const error: unknown = await ask(`${url}/a?sig=secret`).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "storage-failed", message: expect.stringContaining("/a: no answer") });
  expect((error as Error).message).not.toContain("secret");
});

test("an answer that stalls in the middle is given up", async () => {
  const url = await serve(
    (_, response) => void response.writeHead(200, { "content-length": 10 }).write("half"),
  );
  await expect(readBytes(await ask(url), 100, { stallMs: 20 })).rejects.toThrow(/stalled/);
});

/** An answer of one byte every so often, by a clock that nobody waits for. */
function dripping(everyMs: number, bytes: number): Response {
  let sent = 0;
  const pull = (stream: ReadableStreamDefaultController) => {
    vi.advanceTimersByTime(everyMs);
    if (sent++ < bytes) stream.enqueue(new Uint8Array(1));
    else stream.close();
  };
  return new Response(new ReadableStream({ pull }));
}

test("an answer is given up that drips for longer than a slow line needs, not one that is slow", async () => {
  vi.useFakeTimers();
  ends.push(() => vi.useRealTimers());
  const limits = { stallMs: 1000 };
  expect(await readBytes(dripping(900, 10), 640_000, limits)).toHaveLength(10);
  await expect(readBytes(dripping(900, 10_000), 640_000, limits)).rejects.toThrow(/stalled/);
  await expect(readBytes(dripping(1100, 10), 640_000, limits)).rejects.toThrow(/stalled/);
});

test("an answer that is cut off, or too large, is a fault", async () => {
  const url = await serve((request, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("half", () => request.url === "/cut" && response.destroy());
    if (request.url === "/large") response.end("whole.");
  });
  await expect(ask(`${url}/cut`).then((answer) => readBytes(answer, 100))).rejects.toMatchObject({
    code: "storage-failed",
  });
  await expect(ask(`${url}/large`).then((answer) => readBytes(answer, 9))).rejects.toMatchObject({
    code: "body-too-large",
  });
});
