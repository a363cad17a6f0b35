import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createFront, type Front } from "./front.ts";
import { rawClient } from "./testing/raw-client.ts";
import { listen } from "./testing/raw-upstream.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A sidecar as the front sees it: an agent that says a word, a tap that echoes behind its name. */
type FakeSidecar = {
  id: string;
  host: string;
  port: number;
  agentPort: number;
  word: string;
  tap: Server;
  sockets: Set<Socket>;
};

async function fakeSidecar(id: string, word: string): Promise<FakeSidecar> {
  const sockets = new Set<Socket>();
  const tap = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(`${id}:${chunk}`));
    socket.on("end", () => socket.end(`${id}:bye`));
  });
  const agent = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(it.word);
  });
  const it = {
    id,
    host: "127.0.0.1",
    port: await listen(tap),
    agentPort: await listen(agent),
    word,
    tap,
    sockets,
  };
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    tap.close();
    agent.close();
  });
  return it;
}

async function start(
  sidecars: FakeSidecar[],
  options = {},
): Promise<{ front: Front; port: number; words: () => unknown[] }> {
  const front = createFront({
    listen: { host: "127.0.0.1", port: 0 },
    sidecars,
    clock: { monotonicMs: () => performance.now() },
    pollMs: 10,
    ...options,
  });
  const port = await front.start();
  open.push(() => front.close());
  return {
    front,
    port,
    words: () => front.states().map(({ word }) => word && `${word.state} ${word.weight}`),
  };
}

async function ask(port: number): Promise<string> {
  const client = rawClient(port, "x");
  await expect.poll(() => client.received().toString() !== "" || client.socket.destroyed).toBe(true);
  client.socket.destroy();
  return client.received().toString();
}

test.each<{ name: string; words: string[]; chosen: string }>([
  { name: "the highest weight", words: ["up ready 1%\n", "up ready 100%\n"], chosen: "b:x" },
  { name: "the first of equals", words: ["up ready 100%\n", "up ready 100%\n"], chosen: "a:x" },
  { name: "one that is up before one that drains", words: ["drain\n", "up ready 1%\n"], chosen: "b:x" },
  { name: "any that accepts where none is up", words: ["down#wrong\n", "maint\n"], chosen: "a:x" },
  { name: "one that is up before one that says nothing sensible", words: ["what?\n", "up\n"], chosen: "b:x" },
])("a new connection goes to $name", async ({ words, chosen }) => {
  const sidecars = await Promise.all(words.map((word, i) => fakeSidecar("ab"[i] ?? "?", word)));
  const { port } = await start(sidecars);
  expect(await ask(port)).toBe(chosen);
});

test("a sidecar that refuses is passed over, unseen by the client", async () => {
  const [a, b] = [await fakeSidecar("a", "up 100%\n"), await fakeSidecar("b", "up 1%\n")];
  const { port } = await start([a, b]);
  a.tap.close();
  expect(await ask(port)).toBe("b:x");
});

test("with nobody to go to the client is reset", async () => {
  const a = await fakeSidecar("a", "up\n");
  const { port } = await start([a]);
  a.tap.close();
  const client = rawClient(port, "x");
  expect(await client.ended).toMatchObject({ reset: true });
});

test("a client that ends its side still gets the answer", async () => {
  const { port } = await start([await fakeSidecar("a", "up\n")]);
  const client = rawClient(port);
  client.socket.end("x");
  expect((await client.ended).bytes.toString()).toBe("a:xa:bye");
});

test("new connections follow the words, old ones end when down and idle, and not while an answer is owed", async () => {
  const [a, b] = [await fakeSidecar("a", "up 100%\n"), await fakeSidecar("b", "up 1%\n")];
  const { front, port, words } = await start([a, b], { idleMs: 20 });
  const idle = rawClient(port, "x");
  await expect.poll(() => idle.received().toString()).toBe("a:x");
  // Its answer is owed: this tap has got a request and has not spoken.
  a.tap.removeAllListeners("connection");
  a.tap.on("connection", (socket) => {
    a.sockets.add(socket);
    socket.on("data", () => {});
    socket.on("end", () => socket.end());
  });
  const busy = rawClient(port, "x");
  await expect.poll(() => front.states()[0]?.connections).toBe(2);
  await expect.poll(() => a.sockets.size).toBe(2);
  a.word = "down#wrong output\n";
  await expect.poll(words).toEqual(["down 100", "up 1"]);
  await idle.ended;
  expect(await ask(port)).toBe("b:x");
  expect(front.states()[0]?.connections).toBe(1);
  expect(busy.socket.destroyed).toBe(false);
  busy.socket.destroy();
  await expect.poll(() => front.states()[0]?.connections).toBe(0);
});

test("an agent that hangs or floods holds nobody up", async () => {
  const a = await fakeSidecar("a", "up\n");
  const flood = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("x".repeat(100_000));
  });
  const hang = createServer(() => {});
  open.push(
    () => flood.close(),
    () => hang.close(),
  );
  const [floodPort, hangPort] = [await listen(flood), await listen(hang)];
  const others = [floodPort, hangPort].map((agentPort, i) => ({ ...a, id: `other${i}`, agentPort }));
  const { front, port } = await start([...others, a]);
  expect(front.states().map(({ word }) => word?.state)).toEqual([undefined, undefined, "up"]);
  expect(await ask(port)).toBe("a:x");
});
