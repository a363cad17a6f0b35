import { fork } from "node:child_process";
import { createServer } from "node:https";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { listen, type RawRequest, type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";
import { startTap } from "./testing/start-tap.ts";
import { testCertificate } from "./testing/test-certificate.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

const good = ({ socket }: RawRequest) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const get = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const infer = "POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
const own = (upstream: RawUpstream, id = "a") => ({ id, url: upstream.url, hop: "model" as const });

async function start(answer: (request: RawRequest) => void = good, deps = {}) {
  const upstream = await startRawUpstream(answer);
  const tap = await startTap({ own: own(upstream), others: [] }, deps);
  open.push(upstream, tap);
  return { upstream, tap };
}

test("a server that dies under load costs no idempotent request", async () => {
  const slow = ({ socket }: RawRequest) =>
    void setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 5);
  const [a, b] = [await startRawUpstream(slow), await startRawUpstream(slow)];
  const others = [own(b, "b")];
  const tap = await startTap(
    { own: own(a), others },
    {
      // As the sidecar does: a closed port is hard proof.
      observe(event) {
        if (event.kind === "outcome" && event.outcome === "refused") tap.choice = { own: undefined, others };
      },
    },
  );
  open.push(b, tap);
  let failed = 0;
  const worker = async () => {
    for (let i = 0; i < 15; i += 1) {
      const bytes = await rawRequest(tap.port, infer);
      if (!bytes.toString().startsWith("HTTP/1.1 200 ")) failed += 1;
      if (a.requests.length >= 100 && a.openSockets() > 0) await a.close();
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  expect(failed).toBe(0);
  expect(a.requests.length + b.requests.length).toBeGreaterThanOrEqual(300);
  expect(tap.tap.progress().resends).toBeGreaterThan(0);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
});

test("progress tells busy from hung: an upload in coming is nobody's wait", async () => {
  const { upstream, tap } = await start(() => {});
  const uploading = rawClient(tap.port, "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  await expect.poll(() => tap.tap.progress().upstreamConnections).toBe(1);
  expect(tap.tap.progress()).toMatchObject({ inflight: 1, waitingOnOwn: 0, oldestWaitSinceMs: undefined });
  uploading.socket.write("defghi");
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  const before = tap.tap.progress();
  expect(before.oldestWaitSinceMs).toBeGreaterThan(0);
  const [request] = await expect
    .poll(() => upstream.requests)
    .toHaveLength(1)
    .then(() => upstream.requests);
  request?.socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
  await expect
    .poll(() => tap.tap.progress())
    .toMatchObject({ waitingOnOwn: 0, ownAnswers: 0, ownAnswerBytes: 2 });
  expect(tap.tap.progress().ownProgressMs).toBeGreaterThan(before.ownProgressMs);
  request?.socket.write("0\r\n\r\n");
  await expect.poll(() => tap.tap.progress().ownAnswers).toBe(1);
  uploading.socket.destroy();
});

test("fence ends what waits and every upgraded connection, and refuses the next", async () => {
  let fenced = false;
  const upstream = await startRawUpstream(({ head, socket }) => {
    if (head.includes("websocket"))
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  });
  const tap = await startTap({ own: own(upstream), others: [] }, { fenced: () => fenced });
  open.push(upstream, tap);
  const waiting = rawClient(tap.port, get);
  const upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const tunnel = rawClient(tap.port, upgrade);
  await expect.poll(() => tunnel.received().toString()).toContain("101");
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  fenced = true;
  tap.tap.fence();
  expect((await waiting.ended).bytes.toString()).toMatch(/^HTTP\/1.1 503 [\s\S]*locum-reason: fenced/);
  await tunnel.ended;
  for (const next of [get, upgrade]) {
    expect((await rawRequest(tap.port, next)).toString()).toMatch(
      /^HTTP\/1.1 503 [\s\S]*locum-reason: fenced/,
    );
  }
  await expect.poll(() => tap.tap.progress().tunnels).toBe(0);
});

test("an upgrade goes to another target where the first refuses", async () => {
  const upstream = await startRawUpstream(
    ({ socket }) => void socket.write("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n"),
  );
  const gone = await startRawUpstream(() => {});
  await gone.close();
  const tap = await startTap({
    own: { id: "x", url: "ftp://x", hop: "model" },
    others: [own(gone, "b"), own(upstream, "c")],
  });
  open.push(upstream, tap);
  const client = rawClient(
    tap.port,
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await expect.poll(() => client.received().toString()).toContain("101 Yes");
  tap.choice = { own: own(gone), others: [] };
  const refused = await rawRequest(
    tap.port,
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  expect(refused.toString()).toMatch(/^HTTP\/1.1 502 [\s\S]*locum-reason: refused/);
  client.socket.destroy();
});

test("an upstream with TLS is trusted by its own authority only", async () => {
  const server = createServer(testCertificate, (_req, res) => res.end("secret"));
  const port = await listen(server);
  const target = { id: "s", url: `https://localhost:${port}`, hop: "model" as const };
  const tap = await startTap({ own: { ...target, ca: testCertificate.cert }, others: [] });
  open.push({ close: async () => void server.close() }, tap);
  expect((await rawRequest(tap.port, get)).toString()).toMatch(/^HTTP\/1.1 200 [\s\S]*secret$/);
  tap.choice = { own: target, others: [] };
  expect((await rawRequest(tap.port, get)).toString()).toMatch(/^HTTP\/1.1 502 [\s\S]*locum-reason: refused/);
  expect(tap.events).toContainEqual(
    expect.objectContaining({ outcome: "refused", detail: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
  );
  server.closeAllConnections();
});

test("connections to a target whose credentials changed are not used again", async () => {
  const { upstream, tap } = await start();
  await rawRequest(tap.port, get);
  tap.choice = { own: { ...own(upstream), headers: { authorization: "new" } }, others: [] };
  await rawRequest(tap.port, get);
  expect(upstream.requests[1]?.head).toContain("authorization: new");
  expect(upstream.connections()).toBe(2);
  await expect.poll(() => upstream.openSockets()).toBe(1);
});

test("a server's hint keeps an idle connection from being used too late", async () => {
  const { upstream, tap } = await start(({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=1\r\n\r\nok");
  });
  for (let i = 0; i < 2; i += 1) await rawRequest(tap.port, get);
  expect(upstream.connections()).toBe(2);
  await expect.poll(() => upstream.openSockets(), { timeout: 5_000 }).toBe(0);
});

test("after a resend the client gets one 100 Continue, and the body goes to the second server", async () => {
  const dies = await startRawUpstream(() => {}, {
    onHead: (_head, socket) => socket.write("HTTP/1.1 100 Continue\r\n\r\n", () => socket.destroy()),
  });
  const { upstream: second, tap } = await start();
  tap.choice = { own: own(dies, "dies"), others: [own(second, "b")] };
  open.push(dies);
  const client = rawClient(
    tap.port,
    "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
  );
  await expect.poll(() => client.received().toString()).toContain("100 Continue");
  await expect.poll(() => tap.tap.progress().resends).toBe(1);
  client.socket.write("hello");
  await expect
    .poll(() => client.received().toString())
    .toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  expect(second.requests[0]?.body.toString()).toBe("hello");
  expect(second.requests[0]?.head).not.toMatch(/expect/i);
  client.socket.destroy();
});

test("a connection that the server means to close is not used again", async () => {
  const { upstream, tap } = await start(({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  });
  for (let i = 0; i < 3; i += 1) await rawRequest(tap.port, get);
  expect(upstream.connections()).toBe(3);
  expect(tap.tap.progress().staleRetries).toBe(0);
});

test("early hints pass before the answer", async () => {
  const { tap } = await start(({ socket }) => {
    socket.write(
      "HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
  });
  const bytes = await rawRequest(tap.port, get);
  expect(bytes.toString()).toMatch(/^HTTP\/1.1 103 Early Hints\r\nLink: <\/s>\r\n\r\nHTTP\/1.1 200 OK\r\n/);
});

test("a handed-over listener refuses nobody", async () => {
  const { upstream, tap } = await start();
  const child = fork(fileURLToPath(new URL("./testing/adopt-tap.ts", import.meta.url)), [upstream.url], {
    execArgv: [],
  });
  open.push({ close: async () => void child.disconnect() });
  let over = false;
  const seen: string[] = [];
  const traffic = (async () => {
    while (!over) seen.push((await rawRequest(tap.port, get)).toString());
  })();
  await expect.poll(() => seen.length).toBeGreaterThan(5);
  await tap.tap.handOver(
    (listener) =>
      new Promise((resolve) => {
        child.once("message", () => resolve());
        child.send("listener", listener);
      }),
    5_000,
  );
  const after = seen.length;
  await expect.poll(() => seen.length).toBeGreaterThan(after + 5);
  over = true;
  await traffic;
  expect(seen.filter((it) => !it.startsWith("HTTP/1.1 200 "))).toEqual([]);
  expect(seen.at(-1)).toContain("x-served-by: successor");
});
