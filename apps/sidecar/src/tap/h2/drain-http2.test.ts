import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServerWritableStream } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { alsoClose, closeGrpcFleets, startGrpcFleet } from "../testing/grpc-fleet.ts";
import { ask, download, type GrpcHandlers, grpcClient } from "../testing/grpc-rig.ts";
import { h2Ask, h2Connect } from "../testing/h2-rig.ts";

afterEach(closeGrpcFleets);

const good: GrpcHandlers = {
  unary: ((_call: never, done: (e: null, it: Buffer) => void) => done(null, Buffer.from("good"))) as never,
};

test("draining says goodbye, finishes what is on the way, then ends", async () => {
  let finish: (() => void) | undefined;
  const { client, tap } = await startGrpcFleet([
    {
      download: ((call: ServerWritableStream<Buffer, Buffer>) => {
        call.write(Buffer.from("one"));
        finish = () => {
          call.write(Buffer.from("two"));
          call.end();
        };
      }) as never,
    },
  ]);
  const call = download(client);
  const seen: string[] = [];
  let code: number | undefined;
  call.on("data", (message: Buffer) => seen.push(message.toString()));
  call.on("error", () => {});
  call.on("status", (status) => {
    code = status.code;
  });
  await expect.poll(() => seen).toEqual(["one"]);
  const session = h2Connect(tap.port);
  let goodbye = false;
  session.on("goaway", () => {
    goodbye = true;
  });
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  let drained = false;
  const draining = tap.tap.drain(10_000).then(() => {
    drained = true;
  });
  await expect.poll(() => goodbye).toBe(true);
  await expect.poll(() => session.destroyed, { timeout: 5_000 }).toBe(true);
  expect(drained).toBe(false);
  finish?.();
  await expect.poll(() => code).toBe(0);
  expect(seen).toEqual(["one", "two"]);
  await draining;
});

test("what does not finish in time is cut, and read as an error", async () => {
  const { client, tap } = await startGrpcFleet([{ unary: (() => {}) as never }]);
  const asked = ask(client);
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  await tap.tap.drain(50);
  expect((await asked).code).toBe(14);
  expect(tap.tap.inflight()).toBe(0);
});

test("a request that crosses the goodbye is still served, the next goes elsewhere", async () => {
  const { tap } = await startGrpcFleet([good]);
  const session = h2Connect(tap.port);
  alsoClose({ close: async () => session.destroy() });
  await new Promise((resolve) => session.once("remoteSettings", resolve));
  const draining = tap.tap.drain(5_000);
  // In the same turn: the goodbye is on its way, and so is this.
  expect(await h2Ask(session)).toMatchObject({ trailers: { "grpc-status": "0" } });
  expect(session.closed).toBe(true);
  await draining;
});

test("no more connections than allowed, of either kind", async () => {
  const { tap } = await startGrpcFleet([good], { limits: { maxConnections: 2 } });
  const sessions = [h2Connect(tap.port), h2Connect(tap.port)];
  for (const session of sessions) await new Promise((resolve) => session.once("remoteSettings", resolve));
  const third = h2Connect(tap.port);
  await expect.poll(() => third.destroyed).toBe(true);
  for (const session of sessions) {
    expect(session.destroyed).toBe(false);
    session.destroy();
  }
});

test("a connection that is accepted while it drains is told too", async () => {
  const { tap } = await startGrpcFleet([good]);
  const session = h2Connect(tap.port);
  alsoClose({ close: async () => session.destroy() });
  const told = new Promise((resolve) => session.once("goaway", (code, last) => resolve([code, last])));
  await new Promise<void>((resolve) => tap.tap.server.once("connection", () => resolve()));
  const draining = tap.tap.drain(5_000);
  expect(await h2Ask(session)).toMatchObject({ trailers: { "grpc-status": "0" } });
  // Not the goodbye of the end, which names the last stream that was served.
  expect(await told).toEqual([0, 2 ** 31 - 1]);
  await draining;
});

test("a handed-over listener refuses no call", async () => {
  const { tap, servers } = await startGrpcFleet([good]);
  const child = fork(
    fileURLToPath(new URL("../testing/adopt-tap.ts", import.meta.url)),
    [`http://${servers[0]?.address}`],
    { execArgv: [] },
  );
  alsoClose({ close: async () => void child.disconnect() });
  // As clients are by default: a call whose first frame is not yet written when a goodbye comes is refused by the
  // client's own library, which then sends it elsewhere; the tap never sees it.
  const client = grpcClient(tap.port, { retries: true });
  alsoClose({ close: async () => client.close() });
  let over = false;
  const codes: number[] = [];
  const servedBy = new Set<string>();
  const traffic = (async () => {
    while (!over) {
      const { code, trailers } = await ask(client);
      codes.push(code);
      for (const name of trailers.get("x-served-by")) servedBy.add(String(name));
    }
  })();
  await expect.poll(() => codes.length).toBeGreaterThan(20);
  await tap.tap.handOver(
    (listener) =>
      new Promise((resolve) => {
        child.once("message", () => resolve());
        child.send("listener", listener);
      }),
    5_000,
  );
  const after = codes.length;
  await expect.poll(() => codes.length).toBeGreaterThan(after + 20);
  over = true;
  await traffic;
  expect(codes.filter((code) => code !== 0)).toEqual([]);
});
