import { afterEach, expect, test } from "vitest";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";
import { type StartedTap, startTap } from "./testing/start-tap.ts";
import { endToEndHead, readMessage } from "./testing/wire-message.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

async function behindTap(answer: string): Promise<{ upstream: RawUpstream; tap: StartedTap }> {
  const upstream = await startRawUpstream(({ socket }) => {
    socket.write(answer, "latin1");
    if (!/content-length|transfer-encoding/i.test(answer)) socket.end();
  });
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  return { upstream, tap };
}

const get = "GET /v2/models/m?x=%20y HTTP/1.1\r\nHost: model.example\r\n";
const post = "POST /infer HTTP/1.1\r\nhOsT: model.example\r\n";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const cases: Record<string, { request: string; answer: string }> = {
  "header order, case, duplicates and obs-text both ways": {
    request: `${get}X-b: 1\r\nx-A: 2\r\nX-B: 3\r\naccept: caf\xe9\r\nX-Empty:\r\n`,
    answer:
      "HTTP/1.1 200 Sehr gut\xfc\r\nzeta: 1\r\nAlpha: 2\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\nX-\xe9\r\n\r\nok".replace(
        "X-\xe9\r\n",
        "X-Name: \xe9\r\n",
      ),
  },
  "an answer without Date or Server gains none": { request: get, answer: ok },
  "a body with a length": { request: `${post}Content-Length: 5\r\n\r\nhello`, answer: ok },
  "a chunked body both ways": {
    request: `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n`,
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
  },
  "trailers both ways": {
    request: `${post}Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-Sum: 1\r\n\r\n`,
    answer:
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-End\r\n\r\n1\r\na\r\n0\r\nx-End: done\r\n\r\n",
  },
  "HEAD with a length": {
    request: "HEAD / HTTP/1.1\r\nHost: h\r\n",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n",
  },
  "204": { request: get, answer: "HTTP/1.1 204 No Content\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n" },
  "304 with the length of what it stands for": {
    request: `${get}If-None-Match: "1"\r\n`,
    answer: 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 99\r\n\r\n',
  },
  "an error with its body": {
    request: `${post}Content-Length: 1\r\n\r\n{`,
    answer:
      'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"error":"bad"}',
  },
  "a 5xx that nobody can better": {
    request: get,
    answer: 'HTTP/1.1 500 Oh\r\nContent-Length: 13\r\n\r\n{"error":"x"}',
  },
  "a body that ends with the connection": {
    request: get,
    answer: "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nuntil the end",
  },
  "an unknown method": { request: "PROPFIND /x HTTP/1.1\r\nHost: h\r\nDepth: 1\r\n", answer: ok },
  "an absolute-form target": {
    request: "GET http://other.example/x?y HTTP/1.1\r\nHost: other.example\r\n",
    answer: ok,
  },
  "the asterisk form": { request: "OPTIONS * HTTP/1.1\r\nHost: h\r\n", answer: ok },
  "a method with an empty body": { request: `${post}Content-Length: 0\r\n`, answer: ok },
  "a POST without any body": { request: post, answer: ok },
  "an unusual status": { request: get, answer: "HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n" },
  "headers that tell a deadline, under any name": {
    request: `${post}X-Request-Timeout: 1.5\r\ngrpc-timeout: 200m\r\ntimeout-ms: 5\r\nContent-Length: 1\r\n\r\n{`,
    answer: ok,
  },
  "a body that is compressed": {
    request: `${post}Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00`,
    answer: ok,
  },
  "a redirect": {
    request: `${post}Content-Length: 1\r\n\r\n{`,
    answer: "HTTP/1.1 308 Permanent Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
  },
  "a stream that is compressed": {
    request: `${post}Content-Length: 1\r\n\r\n{`,
    answer:
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\x1f\x8b\x00\r\n0\r\n\r\n",
  },
  "a stream of events with trailers": {
    request: `${post}Content-Length: 1\r\n\r\n{`,
    answer:
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nb\r\ndata: end\n\n\r\n0\r\nX-Sum: 1\r\n\r\n",
  },
  "an answer that is compressed": {
    request: get,
    answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00",
  },
};

test.each(Object.entries(cases))(
  "%s is the same directly and through the tap",
  async (_name, { request, answer }) => {
    const { upstream, tap } = await behindTap(answer);
    const wire = request.includes("\r\n\r\n")
      ? request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
      : `${request}Connection: close\r\n\r\n`;
    const bodyless = request.startsWith("HEAD") || /^HTTP\/1.1 (?:204|304)/.test(answer);
    const viaTap = readMessage(await rawRequest(tap.port, wire), { toClose: true, bodyless });
    const direct = readMessage(Buffer.from(answer, "latin1"), { toClose: true, bodyless });
    const directRequest = readMessage(Buffer.from(wire, "latin1"));
    const [seen] = upstream.requests;
    expect(upstream.requests).toHaveLength(1);
    expect(endToEndHead(viaTap?.head ?? "")).toBe(endToEndHead(direct?.head ?? ""));
    expect(viaTap?.body.toString("latin1")).toBe(direct?.body.toString("latin1"));
    expect(viaTap?.trailers).toBe(direct?.trailers);
    expect(endToEndHead(seen?.head ?? "")).toBe(
      endToEndHead(directRequest?.head ?? "").replace("X-Empty:", "X-Empty: "),
    );
    expect(seen?.body.toString("latin1")).toBe(directRequest?.body.toString("latin1"));
    expect(seen?.trailers).toBe(directRequest?.trailers);
  },
);

test("headers of the client's connection stay on it", async () => {
  const { upstream, tap } = await behindTap(ok);
  await rawRequest(
    tap.port,
    `${get}Connection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nX-Public: 2\r\n\r\n`,
  );
  expect(upstream.requests[0]?.head).toBe(`${get}X-Public: 2`);
});

test("many requests share few connections on both sides", async () => {
  const { upstream, tap } = await behindTap(ok);
  const client = rawClient(tap.port);
  for (let i = 1; i <= 20; i += 1) {
    client.socket.write(`${get}\r\n`);
    await expect.poll(() => client.received().toString().split("200 OK").length - 1).toBe(i);
  }
  expect(upstream.connections()).toBe(1);
  client.socket.destroy();
});

test("pipelined requests are answered in order and reach the server one after the other", async () => {
  let atOnce = 0;
  let most = 0;
  const upstream = await startRawUpstream(({ socket, head }) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    const path = head.split(" ")[1] ?? "";
    setImmediate(() => {
      atOnce -= 1;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    });
  });
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  const paths = ["/1", "/22", "/333", "/4444"];
  const client = rawClient(
    tap.port,
    paths.map((path) => `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx`).join(""),
  );
  await expect.poll(() => client.received().toString()).toContain("/4444");
  expect(
    client
      .received()
      .toString()
      .match(/^\/\d+/gm),
  ).toEqual(paths);
  expect(most).toBe(1);
  client.socket.destroy();
});

test("events of a stream arrive before it ends, the head even before the first", async () => {
  const upstream = await startRawUpstream(({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  });
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  const client = rawClient(tap.port, `${post}Content-Length: 1\r\n\r\n{`);
  await expect.poll(() => client.received().toString()).toContain("text/event-stream");
  for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
    upstream.requests[0]?.socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    await expect.poll(() => client.received().toString()).toContain(event);
  }
  client.socket.destroy();
  await expect.poll(() => upstream.openSockets()).toBe(0);
});

test("100-continue: the body waits for the server's word, a final answer instead of it passes", async () => {
  let verdict = "HTTP/1.1 100 Continue\r\n\r\n";
  const heads: string[] = [];
  const upstream = await startRawUpstream(({ socket }) => socket.write(ok), {
    onHead(head, socket) {
      heads.push(head);
      socket.write(verdict);
    },
  });
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  const head = `${post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`;
  const client = rawClient(tap.port, head);
  await expect.poll(() => client.received().toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  expect(heads[0]).toContain("Expect: 100-continue");
  client.socket.write("hello");
  await expect.poll(() => client.received().toString()).toContain("\r\n\r\nok");
  expect(upstream.requests[0]?.body.toString()).toBe("hello");
  client.socket.destroy();

  verdict = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
  const refused = rawClient(tap.port, head);
  await expect.poll(() => refused.received().toString()).toContain("big");
  expect(refused.received().toString()).not.toContain("100 Continue");
  refused.socket.destroy();
});

test("a body of 64 MiB streams both ways without being kept", async () => {
  const mib = 1024 * 1024;
  let received = 0;
  const { createServer } = await import("node:http");
  const { listen } = await import("./testing/raw-upstream.ts");
  const server = createServer((req, res) => {
    req.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    req.on("end", () => {
      for (let i = 0; i < 64; i += 1) res.write(Buffer.alloc(mib, i));
      res.end();
    });
  });
  const port = await listen(server);
  const tap = await startTap({ own: { id: "a", url: `http://127.0.0.1:${port}`, hop: "model" }, others: [] });
  open.push({ close: async () => void server.closeAllConnections() }, tap);
  let keptMost = 0;
  const body = new ReadableStream({
    pull(controller) {
      keptMost = Math.max(keptMost, tap.tap.progress().keptBytes);
      if (received + mib > 64 * mib && sent >= 64) return controller.close();
      sent += 1;
      controller.enqueue(new Uint8Array(mib));
      if (sent === 64) controller.close();
    },
  });
  let sent = 0;
  const answer = await fetch(`${tap.url}/infer`, { method: "POST", body, duplex: "half" });
  let bytes = 0;
  for await (const chunk of answer.body ?? []) bytes += chunk.length;
  expect(received).toBe(64 * mib);
  expect(bytes).toBe(64 * mib);
  expect(keptMost).toBeLessThanOrEqual(9 * mib);
  await expect.poll(() => tap.tap.progress().keptBytes).toBe(0);
  server.close();
});

test("a WebSocket upgrade joins the two sockets, a declined one passes the answer and closes", async () => {
  let accept = true;
  const upstream = await startRawUpstream(({ socket }) => {
    if (!accept) return void socket.write("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    socket.removeAllListeners("data");
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi");
    socket.on("data", (chunk) => socket.write(chunk));
  });
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  const upgrade = `${get}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
  const client = rawClient(tap.port, upgrade);
  await expect.poll(() => client.received().toString()).toContain("\r\n\r\nhi");
  expect(upstream.requests[0]?.head).toContain("Upgrade: websocket");
  client.socket.write("\x00\x01ping");
  await expect.poll(() => client.received().toString()).toContain("ping");
  client.socket.destroy();
  await expect.poll(() => upstream.openSockets()).toBe(0);

  accept = false;
  const declined = await rawClient(tap.port, `${upgrade}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n`).ended;
  expect(declined.bytes.toString()).toMatch(/^HTTP\/1.1 426 [\s\S]*no$/);
  expect(upstream.requests.filter(({ head }) => head.includes("smuggled"))).toEqual([]);
});

test("an h2c offer is served as the plain request that it also is", async () => {
  const { upstream, tap } = await behindTap(ok);
  const bytes = await rawRequest(
    tap.port,
    `${post}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nContent-Length: 1\r\n\r\n{`,
  );
  expect(bytes.toString()).toMatch(/^HTTP\/1.1 200 OK/);
  expect(upstream.requests[0]?.head).toBe(`${post}Content-Length: 1`);
});

test("a client that leaves ends the work at the server", async () => {
  const upstream = await startRawUpstream(() => {});
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] });
  open.push(upstream, tap);
  const client = rawClient(tap.port, `${post}Content-Length: 1\r\n\r\n{`);
  await expect.poll(() => upstream.requests.length).toBe(1);
  client.socket.destroy();
  await expect.poll(() => upstream.openSockets()).toBe(0);
  await expect.poll(() => tap.outcomes()).toEqual(["a:client-gone"]);
  expect(tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
});
