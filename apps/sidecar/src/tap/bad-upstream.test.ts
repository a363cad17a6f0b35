import type { Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { closeFleets, type Fault, good, infer, startFleet, statusOf } from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";

afterEach(closeFleets);

const mib = 1024 * 1024;
const say =
  (text: string): Fault =>
  ({ socket }) =>
    void socket.write(text, "latin1");
/** Writes as fast as it is read, for as long as it is. */
const forEver =
  (first: string, piece: string): Fault =>
  ({ socket }) => {
    socket.write(first, "latin1");
    pour(socket, Buffer.from(piece, "latin1"));
  };

function pour(socket: Socket, piece: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

async function survives(tap: Awaited<ReturnType<typeof startFleet>>["tap"]): Promise<void> {
  await expect
    .poll(() => tap.tap.progress())
    .toMatchObject({ inflight: 0, keptBytes: 0, upstreamConnections: 0 });
}

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;

test.each<[name: string, fault: Fault]>([
  ["a header of a gigabyte", forEver(`${ok}X-Long: `, "a".repeat(64 * 1024))],
  ["headers without end", forEver(ok, "X-A: b\r\n".repeat(8_000))],
  ["a status line without end", forEver("HTTP/1.1 200 ", "a".repeat(64 * 1024))],
  ["HTTP/0.9", say("<html><body>it works</body></html>\n")],
  ["HTTP/2", say("HTTP/2 200 OK\r\n\r\n")],
  ["a folded header", say(`${ok}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`)],
  ["a length that is no number", say(`${ok}Content-Length: many\r\n\r\n`)],
  ["a negative length", say(`${ok}Content-Length: -1\r\n\r\n`)],
  ["two lengths", say(`${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`)],
  ["a length and chunks", say(`${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)],
  ["an upgrade that nobody wanted", say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")],
  ["zero bytes", say("\x00".repeat(100_000))],
])(
  "%s ends as a 502 with a reason where nobody else is, and elsewhere in an answer",
  async (_name, fault) => {
    const { tap } = await startFleet([fault]);
    const bytes = await rawRequest(tap.port, infer());
    expect(bytes.toString()).toMatch(/^HTTP\/1.1 502 [\s\S]*locum-reason: malformed/);
    expect(tap.outcomes()).toEqual(["a:malformed!"]);
    await survives(tap);
    const two = await startFleet([fault, good]);
    expect(statusOf(await rawRequest(two.tap.port, infer()))).toBe("200");
  },
);

test.each<[name: string, rest: string]>([
  ["a chunk size that is no number", "5\r\nhello\r\nxyz\r\n"],
  ["a chunk that is longer than it says", "3\r\nhello\r\n"],
  ["a chunk size beyond all numbers", "ffffffffffffff\r\nhello"],
  ["a chunk line without end", `5;${"a".repeat(10_000)}`],
  ["trailers without end", `5\r\nhello\r\n0\r\n${"X-A: b\r\n".repeat(20_000)}`],
  ["a reset within a chunk", "40\r\nhello"],
])("%s in a stream is a cut, never an end", async (_name, rest) => {
  const { tap } = await startFleet([
    ({ socket }) => {
      socket.write(chunked + rest, "latin1", () => {
        if (rest.startsWith("40")) socket.resetAndDestroy();
      });
    },
  ]);
  const client = rawClient(tap.port, infer());
  const { bytes } = await client.ended;
  expect(statusOf(bytes)).toBe("200");
  expect(bytes.toString()).not.toMatch(/\r\n0\r\n(?:.*\r\n)*\r\n$/);
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
  await survives(tap);
});

test.each<[name: string, status: string, head: string, body: string]>([
  ["a redirect", "307", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere.example/\r\n", ""],
  ["a page", "200", `${ok}Content-Type: text/html\r\n`, "<html><body>login</body></html>"],
  ["an error in a shape of its own", "418", "HTTP/1.1 418 Odd\r\nContent-Type: text/plain\r\n", "no"],
])("%s passes as it is, and nobody follows it", async (_name, status, head, body) => {
  const { tap, counts } = await startFleet([
    say(`${head}Content-Length: ${body.length}\r\n\r\n${body}`),
    good,
  ]);
  const text = (await rawRequest(tap.port, infer())).toString();
  expect(statusOf(Buffer.from(text))).toBe(status);
  expect(text.startsWith(head)).toBe(true);
  expect(text.endsWith(`\r\n\r\n${body}`)).toBe(true);
  expect(counts()).toEqual([1, 0]);
});

test.each<[name: string, first: string, piece: string]>([
  ["events without end", chunked, "8000\r\n".concat("x".repeat(0x8000), "\r\n")],
  [
    "bytes without end and without length",
    `${ok}Content-Type: application/json\r\n\r\n`,
    "[".repeat(64 * 1024),
  ],
])("%s stop at a client that reads nothing, and end when it leaves", async (_name, first, piece) => {
  const { tap, upstreams } = await startFleet([forEver(first, piece)]);
  const before = process.memoryUsage().rss;
  const clients = Array.from({ length: 8 }, () => rawClient(tap.port, infer()));
  for (const { socket } of clients) socket.pause();
  let taken = -1;
  await expect
    .poll(
      () => {
        const was = taken;
        taken = tap.tap.progress().ownAnswerBytes;
        return taken > 0 && was === taken;
      },
      { timeout: 10_000, interval: 100 },
    )
    .toBe(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * mib);
  for (const { socket } of clients) socket.destroy();
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(0);
  await survives(tap);
});
