import { createServer as createHttp1, type Server as Http1Server } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { goaway, h2Frame, preface } from "../testing/h2-frames.ts";
import { rawClient } from "../testing/raw-client.ts";
import { listen } from "../testing/raw-upstream.ts";
import { sniffPreface } from "./sniff-preface.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A port that says which of the two got the connection, and answers as it does. */
async function start(timeoutMs = 5_000) {
  const http1 = createHttp1((_req, res) => res.end("one"));
  const http2 = createHttp2();
  const took: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    sniffPreface(socket, {
      timeoutMs,
      onHttp1(it) {
        took.push("http1");
        http1.emit("connection", it);
      },
      onHttp2(it) {
        took.push("http2");
        http2.emit("connection", it);
      },
    });
  });
  const port = await listen(server as Http1Server);
  open.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port, took, sockets };
}

const get = Buffer.from("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
const http2 = Buffer.concat([preface, h2Frame("settings"), goaway(0)]);

/** One piece a turn, so that none is joined with the next. */
async function send(port: number, pieces: Buffer[]): Promise<Buffer> {
  const client = rawClient(port);
  await new Promise((resolve) => client.socket.once("connect", resolve));
  for (const piece of pieces) {
    client.socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  return (await client.ended).bytes;
}

test("both arrive whole, however their first bytes are cut", async () => {
  const { port, took } = await start();
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
      async (is2, cuts) => {
        const bytes = is2 ? http2 : get;
        const at = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const answer = await send(
          port,
          at.slice(1).map((end, i) => bytes.subarray(at[i], end)),
        );
        expect(took.at(-1)).toBe(is2 ? "http2" : "http1");
        if (is2) expect(answer.subarray(3, 4)).toEqual(Buffer.from([4]));
        else expect(answer.toString()).toMatch(/^HTTP\/1.1 200 [\s\S]*one/);
      },
    ),
    { numRuns: 40 },
  );
});

test.each([
  ["http2", http2],
  ["http1", get],
])("%s byte by byte", async (name, bytes) => {
  const { port, took } = await start();
  const answer = await send(
    port,
    Array.from(bytes, (byte) => Buffer.from([byte])),
  );
  expect(took).toEqual([name]);
  expect(answer.length).toBeGreaterThan(0);
});

test.each(["", "P", "PRI * HTTP/2"])(
  "a connection that stops after '%s' is closed in time",
  async (start1) => {
    const { port, took } = await start(100);
    const { bytes } = await rawClient(port, start1).ended;
    expect(bytes).toHaveLength(0);
    expect(took).toEqual([]);
  },
);

test("one that ends before it says what it is, is closed", async () => {
  const { port, sockets } = await start();
  const client = connect(port, "127.0.0.1");
  client.end("PRI");
  await expect.poll(() => [...sockets].every(({ destroyed }) => destroyed) && sockets.size).toBe(1);
});

test.each([
  "PROPFIND / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
  "PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
  "\x16\x03\x01\x02",
])("%j is left to the server of HTTP/1", async (text) => {
  const { port, took } = await start();
  const { bytes } = await rawClient(port, text).ended;
  expect(took).toEqual(["http1"]);
  expect(bytes.toString()).toMatch(/^HTTP\/1.1 /);
});
