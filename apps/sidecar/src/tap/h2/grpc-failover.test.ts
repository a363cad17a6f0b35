import { connect, createServer } from "node:net";
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { alsoClose, closeGrpcFleets, startGrpcFleet } from "../testing/grpc-fleet.ts";
import {
  ask,
  download,
  type GrpcHandlers,
  grpcClient,
  grpcTarget,
  paths,
  startGrpc,
} from "../testing/grpc-rig.ts";
import { goaway, h2Frame } from "../testing/h2-frames.ts";
import { frame, grpcAnswer, grpcCall, h2Ask, h2Connect, startH2 } from "../testing/h2-rig.ts";
import { listen, startRawUpstream } from "../testing/raw-upstream.ts";
import { startTap } from "../testing/start-tap.ts";

afterEach(closeGrpcFleets);

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

const answers = (text: string): GrpcHandlers => {
  const unary: Unary = (_call, done) => done(null, Buffer.from(text));
  return { unary, unsafe: unary };
};
const fails = (code: number): GrpcHandlers => {
  const unary: Unary = (_call, done) => done({ code, details: `status ${code}` });
  return { unary, unsafe: unary };
};
const hangs: GrpcHandlers = { unary: (() => {}) as Unary, unsafe: (() => {}) as Unary };
const good = answers("good");

/** A tap before servers of bare HTTP/2. */
async function startBare(...answerers: Parameters<typeof startH2>[0][]) {
  const servers = await Promise.all(answerers.map((it) => startH2(it)));
  const [own, ...others] = servers.map((it, i) => grpcTarget("abc"[i] ?? "?", it));
  const tap = await startTap({ own, others });
  const session = h2Connect(tap.port);
  alsoClose(...servers, tap, { close: async () => session.destroy() });
  return { servers, tap, session };
}

test.each<{ name: string; own: GrpcHandlers; outcome: string }>([
  { name: "UNKNOWN", own: fails(2), outcome: "a:status5xx!" },
  { name: "RESOURCE_EXHAUSTED", own: fails(8), outcome: "a:status5xx!" },
  { name: "INTERNAL", own: fails(13), outcome: "a:status5xx!" },
  { name: "UNAVAILABLE", own: fails(14), outcome: "a:status5xx!" },
  { name: "DATA_LOSS", own: fails(15), outcome: "a:status5xx!" },
  { name: "an answer that is not finite", own: answers("NaN"), outcome: "a:not-finite!" },
])("$name is answered by another instance, and counts", async ({ own, outcome }) => {
  const { client, tap } = await startGrpcFleet([own, good]);
  expect(await ask(client)).toMatchObject({ code: 0, answer: "good" });
  expect(tap.outcomes().sort()).toEqual([outcome, "b:ok"]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0, resends: 1 });
  expect(tap.events).toContainEqual(expect.objectContaining({ kind: "contested", target: "a" }));
});

test.each([3, 5, 7, 9, 11, 12, 16])(
  "status %i is the request's own fault and is not asked again",
  async (code) => {
    const { client, tap } = await startGrpcFleet([fails(code), good]);
    expect(await ask(client)).toMatchObject({ code, details: `status ${code}` });
    expect(tap.outcomes()).toEqual(["a:ok"]);
  },
);

test("the same failure everywhere passes unchanged and counts against nobody", async () => {
  const { client, tap } = await startGrpcFleet([fails(13), fails(14)]);
  expect(await ask(client)).toMatchObject({ code: 13, details: "status 13" });
  expect(tap.outcomes().sort()).toEqual(["a:status5xx", "b:status5xx"]);
});

test("what may not be repeated is not, once it was sent", async () => {
  const { client, tap } = await startGrpcFleet([fails(14), good]);
  expect(await ask(client, "x", { path: paths.unsafe })).toMatchObject({ code: 14, details: "status 14" });
  expect(tap.tap.progress().resends).toBe(0);
});

test("a closed port is answered by another instance, on unsafe calls too: nothing was sent", async () => {
  const { client, tap, servers } = await startGrpcFleet([hangs, good]);
  await servers[0]?.close();
  for (const path of [paths.unary, paths.unsafe])
    expect(await ask(client, "x", { path })).toMatchObject({ answer: "good" });
  expect(tap.outcomes()).toEqual(["a:refused!", "b:ok", "a:refused!", "b:ok"]);
});

test("with nobody left the client reads UNAVAILABLE, not a cut", async () => {
  const { client, servers } = await startGrpcFleet([hangs]);
  await servers[0]?.close();
  const said = await ask(client);
  expect(said).toMatchObject({ code: 14, details: "locum: no answer from the model (refused)" });
  expect(said.trailers.get("locum-reason")).toEqual(["refused"]);
});

test("a server that dies under calls costs none that may be repeated", async () => {
  const { client, tap, servers } = await startGrpcFleet([hangs, good]);
  const asked = Array.from({ length: 30 }, () => ask(client));
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(30);
  await servers[0]?.close();
  const said = await Promise.all(asked);
  expect(said.filter(({ answer }) => answer !== "good")).toEqual([]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
});

test("a stream whose server dies ends with UNAVAILABLE after what it had said", async () => {
  const begins = {
    download: ((call: ServerWritableStream<Buffer, Buffer>) => void call.write(Buffer.from("one"))) as never,
  };
  const { client, tap, servers } = await startGrpcFleet([begins, begins]);
  const call = download(client);
  const seen: string[] = [];
  let status: { code: number; details: string } | undefined;
  call.on("data", (message: Buffer) => seen.push(message.toString()));
  call.on("error", () => {});
  call.on("status", (it) => {
    status = it;
  });
  // The test's wire takes it for a single answer and looks at it for a moment, no longer.
  await expect.poll(() => seen).toEqual(["one"]);
  await servers[0]?.close();
  await expect.poll(() => status).toMatchObject({ code: 14, details: "locum: the model server broke off" });
  expect(tap.outcomes()).toEqual(["a:truncated!"]);
  expect(tap.events.at(-1)).toMatchObject({ kind: "finished", whole: false });
});

test("a diverted instance gives back what waits on it", async () => {
  let cancelled = 0;
  const waits: GrpcHandlers = {
    unary: ((call) => void call.on("cancelled", () => (cancelled += 1))) as Unary,
  };
  const { client, tap } = await startGrpcFleet([waits, good]);
  const asked = ask(client);
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  expect(tap.tap.divert()).toBe(1);
  expect(await asked).toMatchObject({ answer: "good" });
  expect(tap.outcomes()).toEqual(["a:diverted", "b:ok"]);
  await expect.poll(() => cancelled).toBe(1);
});

test("fence ends what waits with UNAVAILABLE, refuses the next, and lets an answer that has begun go on", async () => {
  let isFenced = false;
  let finish: (() => void) | undefined;
  const { client, tap } = await startGrpcFleet(
    [
      {
        ...hangs,
        download: ((call: ServerWritableStream<Buffer, Buffer>) => {
          call.write(Buffer.from("one"));
          finish = () => call.end();
        }) as never,
      },
    ],
    { fenced: () => isFenced },
  );
  const begun = download(client);
  let code: number | undefined;
  begun.on("data", () => {});
  begun.on("status", (status) => {
    code = status.code;
  });
  await new Promise((resolve) => begun.once("data", resolve));
  const asked = ask(client);
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  isFenced = true;
  tap.tap.fence();
  for (const said of [await asked, await ask(client)])
    expect(said).toMatchObject({ code: 14, details: "locum: no answer from the model (fenced)" });
  expect(code).toBeUndefined();
  finish?.();
  await expect.poll(() => code).toBe(0);
});

test("two taps never send one call to and fro", async () => {
  const { tap: far, servers } = await startGrpcFleet([hangs]);
  await servers[0]?.close();
  const near = await startTap({ own: undefined, others: [{ id: "far", url: far.url, hop: "tap" }] });
  const client = grpcClient(near.port);
  alsoClose(near, { close: async () => client.close() });
  far.choice = { ...far.choice, others: [{ id: "near", url: near.url, hop: "tap" }] };
  expect(await ask(client)).toMatchObject({ code: 14 });
  expect(near.outcomes()).toEqual(["far:status5xx"]);
  expect(far.outcomes()).toEqual(["a:refused!"]);
});

test("a peer's tap serves by its own server", async () => {
  const { tap: far } = await startGrpcFleet([good]);
  const near = await startTap({ own: undefined, others: [{ id: "far", url: far.url, hop: "tap" }] });
  const client = grpcClient(near.port);
  alsoClose(near, { close: async () => client.close() });
  expect(await ask(client)).toMatchObject({ answer: "good" });
});

test("a failure that only the trailers tell is one all the same", async () => {
  const { session, tap } = await startBare(
    (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14" }));
      stream.end();
    },
    (stream) => grpcAnswer(stream, { message: "good" }),
  );
  expect(await h2Ask(session)).toMatchObject({
    body: frame("good").toString("latin1"),
    trailers: { "grpc-status": "0" },
  });
  expect(tap.outcomes().sort()).toEqual(["a:status5xx!", "b:ok"]);
});

test("a stream that ends with a failure is told as one", async () => {
  const { session, tap } = await startBare((stream) => grpcAnswer(stream, { status: "13" }));
  expect(await h2Ask(session, grpcCall("/other.Test/Download"))).toMatchObject({
    trailers: { "grpc-status": "13" },
  });
  expect(tap.outcomes()).toEqual(["a:status5xx"]);
});

test("an answer that is no gRPC passes where nobody answers better", async () => {
  const { session } = await startBare((stream) => {
    stream.respond({ ":status": 503, "content-type": "text/html" });
    stream.end("<h1>");
  });
  expect(await h2Ask(session)).toMatchObject({ headers: { ":status": 503 }, body: "<h1>" });
});

test("a server that says goodbye is asked on another connection, unsafe calls too", async () => {
  const next = await startH2((stream) => grpcAnswer(stream));
  let connections = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    connections += 1;
    if (connections > 1) return void socket.pipe(connect(next.port, "127.0.0.1")).pipe(socket);
    // It has looked at no stream, it says, and goes.
    socket.once("data", () => socket.end(Buffer.concat([h2Frame("settings"), goaway(0)])));
  });
  const port = await listen(server);
  const tap = await startTap({ own: grpcTarget("a", { address: `127.0.0.1:${port}` }), others: [] });
  const session = h2Connect(tap.port);
  alsoClose({ close: async () => void server.close() }, next, tap, { close: async () => session.destroy() });
  expect(await h2Ask(session, grpcCall(paths.unsafe))).toMatchObject({ trailers: { "grpc-status": "0" } });
  expect(tap.outcomes()).toEqual(["a:ok"]);
  expect(tap.tap.progress()).toMatchObject({ staleRetries: 1, resends: 0 });
});

test("a refused stream was not looked at: it goes to another instance", async () => {
  const { session, tap } = await startBare(
    (stream) => stream.close(7),
    (stream) => grpcAnswer(stream),
  );
  expect(await h2Ask(session, grpcCall(paths.unsafe))).toMatchObject({ trailers: { "grpc-status": "0" } });
  expect(tap.outcomes().at(-1)).toBe("b:ok");
});

test.each<[string, string]>([
  ["HTTP/1", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
])("a port that speaks %s is refused and no fault of the model's answers", async (_name, greeting) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(greeting);
  });
  const port = await listen(server);
  const tap = await startTap({ own: grpcTarget("a", { address: `127.0.0.1:${port}` }), others: [] });
  const client = grpcClient(tap.port);
  alsoClose({ close: async () => void server.close() }, tap, { close: async () => client.close() });
  expect(await ask(client)).toMatchObject({ code: 14 });
  expect(tap.outcomes()).toEqual(["a:refused!"]);
});

test("a server that takes the connection and says nothing is hung, until the client's time is up", async () => {
  const silent = await startRawUpstream(() => {});
  const tap = await startTap({ own: grpcTarget("a", { address: `127.0.0.1:${silent.port}` }), others: [] });
  const client = grpcClient(tap.port);
  alsoClose(silent, tap, { close: async () => client.close() });
  const asked = ask(client, "x", { deadlineMs: 500 });
  await expect.poll(() => tap.tap.progress().waitingOnOwn).toBe(1);
  expect(await asked).toMatchObject({ code: 4 });
  await expect.poll(() => tap.outcomes()).toEqual(["a:client-gone"]);
});

test("a restarted server is found again at once", async () => {
  const { client, servers } = await startGrpcFleet([good]);
  expect(await ask(client)).toMatchObject({ answer: "good" });
  const port = servers[0]?.port ?? 0;
  await servers[0]?.close();
  expect(await ask(client)).toMatchObject({ code: 14 });
  alsoClose(await startGrpc(answers("again"), port));
  expect(await ask(client)).toMatchObject({ answer: "again" });
});
