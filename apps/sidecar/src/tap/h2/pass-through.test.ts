import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { closeGrpcFleets, startGrpcFleet } from "../testing/grpc-fleet.ts";
import { ask, chat, download, type GrpcHandlers, paths, upload } from "../testing/grpc-rig.ts";

afterEach(closeGrpcFleets);

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;
type Download = (call: ServerWritableStream<Buffer, Buffer>) => void;
type Chat = (call: ServerDuplexStream<Buffer, Buffer>) => void;
type Upload = (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => void;

const echo: Unary = ({ request, metadata }, done) => {
  const trailers = new Metadata();
  for (const [name] of Object.entries(metadata.getMap()))
    if (name.startsWith("x-")) trailers.set(name, metadata.get(name)[0] ?? "");
  done(null, request, trailers);
};
const refuseWith =
  (code: number, details: string): Unary =>
  (_call, done) =>
    done({ code, details, metadata: detailed() });
const detailed = () => {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0, 255, 7]));
  metadata.add("x-twice", "1");
  metadata.add("x-twice", "2");
  return metadata;
};

test("a unary call passes unchanged: message, metadata, trailers, binary ones too", async () => {
  const { client, direct, tap } = await startGrpcFleet([{ unary: echo }]);
  const metadata = new Metadata();
  metadata.set("x-text", "a b");
  metadata.set("x-data-bin", Buffer.from([0, 1, 254, 255]));
  const [through, straight] = [
    await ask(client, "hello", { metadata }),
    await ask(direct, "hello", { metadata }),
  ];
  expect(through.answer).toBe("hello");
  expect(through.trailers.get("x-data-bin")).toEqual([Buffer.from([0, 1, 254, 255])]);
  expect(through.trailers.getMap()).toEqual(straight.trailers.getMap());
  await expect.poll(() => tap.outcomes()).toEqual(["a:ok"]);
  expect(tap.events.map(({ kind }) => kind)).toEqual([
    "started",
    "first-byte",
    "bytes",
    "outcome",
    "finished",
  ]);
  expect(tap.events.at(-1)).toMatchObject({
    kind: "finished",
    status: 200,
    whole: true,
    resent: false,
    model: "m",
  });
});

test.each([
  [3, "no such input"],
  [5, "модель 模型 %"],
  [8, "queue full"],
  [12, "not here"],
  [13, ""],
])("status %i passes unchanged with its details", async (code, details) => {
  const { client, direct } = await startGrpcFleet([{ unary: refuseWith(code, details) }]);
  const [through, straight] = [await ask(client), await ask(direct)];
  expect(through).toMatchObject({ code, details, answer: undefined });
  expect(through.trailers.getMap()).toEqual(straight.trailers.getMap());
  expect(through.trailers.get("x-twice")).toEqual(straight.trailers.get("x-twice"));
});

test("an unknown method is what the server says of it", async () => {
  const { client, direct } = await startGrpcFleet([{ unary: echo }]);
  const [through, straight] = [
    await ask(client, "x", { path: "/no.Such/Call" }),
    await ask(direct, "x", { path: "/no.Such/Call" }),
  ];
  expect(through).toMatchObject({ code: 12, details: straight.details });
});

test.each([1024, 65_536, 600_000, 9_000_000])("a message of %i bytes comes back as it was", async (size) => {
  const { client } = await startGrpcFleet([{ unary: echo }]);
  const message = Buffer.alloc(size, "0123456789abcdef");
  const { answer } = await ask(client, message);
  expect(Buffer.from(answer ?? "", "latin1").equals(message)).toBe(true);
});

test("500 calls at once all get their own answer", async () => {
  const { client, tap } = await startGrpcFleet([{ unary: echo }]);
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => ask(client, `call ${i}`)));
  expect(answers.filter(({ answer }, i) => answer !== `call ${i}`)).toEqual([]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0, ownAnswers: 500 });
});

test("a compressed message passes as it is", async () => {
  const { client } = await startGrpcFleet([{ unary: echo }]);
  const metadata = new Metadata();
  metadata.set("grpc-internal-encoding-request", "gzip");
  const { answer } = await ask(client, Buffer.alloc(100_000, "a"), { metadata });
  expect(answer).toHaveLength(100_000);
});

test("a stream comes message by message, before it ends", async () => {
  let go: (() => void) | undefined;
  const serve: Download = (call) => {
    call.write(Buffer.from("one"));
    go = () => {
      call.write(Buffer.from("two"));
      call.end(detailed());
    };
  };
  const { client, tap } = await startGrpcFleet([{ download: serve }]);
  const call = download(client);
  const seen: string[] = [];
  let status: { code: number; metadata: Metadata } | undefined;
  call.on("data", (message: Buffer) => seen.push(message.toString()));
  call.on("status", (it) => {
    status = it;
  });
  await expect.poll(() => seen).toEqual(["one"]);
  go?.();
  await expect.poll(() => status?.code).toBe(0);
  expect(seen).toEqual(["one", "two"]);
  expect(status?.metadata.get("grpc-status-details-bin")).toEqual([Buffer.from([0, 255, 7])]);
  await expect.poll(() => tap.outcomes()).toEqual(["a:ok"]);
});

test("an upload in pieces is answered once it is whole", async () => {
  const count: Upload = (call, done) => {
    let bytes = 0;
    call.on("data", (message: Buffer) => {
      bytes += message.length;
    });
    call.on("end", () => done(null, Buffer.from(String(bytes))));
  };
  const { client } = await startGrpcFleet([{ upload: count }]);
  const answer = new Promise<string | undefined>((resolve) => {
    const call = upload(client, (_error, it) => resolve(it?.toString()));
    for (let i = 0; i < 50; i += 1) call.write(Buffer.alloc(100_000));
    call.end();
  });
  expect(await answer).toBe("5000000");
});

test("both sides talk at once, and either may end first", async () => {
  const talk: Chat = (call) => {
    call.on("data", (message: Buffer) => void call.write(Buffer.from(`heard ${message}`)));
    call.on("end", () => call.end());
  };
  const { client } = await startGrpcFleet([{ chat: talk }]);
  const call = chat(client);
  const seen: string[] = [];
  let code: number | undefined;
  call.on("data", (message: Buffer) => seen.push(message.toString()));
  call.on("status", (status) => {
    code = status.code;
  });
  for (const word of ["a", "b", "c"]) {
    call.write(Buffer.from(word));
    await expect.poll(() => seen.at(-1)).toBe(`heard ${word}`);
  }
  call.end();
  await expect.poll(() => code).toBe(0);
});

test("a server that ends a talk while the client still speaks is heard", async () => {
  const leave: Chat = (call) => {
    call.once("data", () => {
      call.emit("error", { code: 9, details: "enough" });
    });
  };
  const { client, tap } = await startGrpcFleet([{ chat: leave }]);
  const call = chat(client);
  let status: { code: number; details: string } | undefined;
  call.on("status", (it) => {
    status = it;
  });
  call.on("error", () => {});
  call.resume();
  call.write(Buffer.from("hello"));
  await expect.poll(() => status).toMatchObject({ code: 9, details: "enough" });
  await expect.poll(() => tap.tap.progress().inflight).toBe(0);
});

test("a cancelled call is cancelled at the server", async () => {
  let cancelled = 0;
  const wait: GrpcHandlers = {
    unary: ((call) => void call.on("cancelled", () => (cancelled += 1))) as Unary,
    download: ((call) => {
      call.write(Buffer.from("one"));
      call.on("cancelled", () => (cancelled += 1));
    }) as Download,
  };
  const { client, tap } = await startGrpcFleet([wait]);
  const stream = download(client);
  stream.on("error", () => {});
  await new Promise((resolve) => stream.once("data", resolve));
  stream.cancel();
  await expect.poll(() => cancelled).toBe(1);
  const asked = ask(client, "x", { deadlineMs: 300 });
  expect(await asked).toMatchObject({ code: 4 });
  await expect.poll(() => cancelled).toBe(2);
  await expect.poll(() => tap.outcomes()).toEqual(["a:client-gone", "a:client-gone"]);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ inflight: 0, keptBytes: 0 });
});

test("the server gets what remains of the time", async () => {
  const tell: Unary = (call, done) =>
    done(null, Buffer.from(String(Number(call.getDeadline()) - Date.now())));
  const { client } = await startGrpcFleet([{ unary: tell }]);
  const { answer } = await ask(client, "x", { deadlineMs: 5_000 });
  expect(Number(answer)).toBeGreaterThan(3_000);
  expect(Number(answer)).toBeLessThanOrEqual(5_000);
});

test("calls that only ask are no work of the model", async () => {
  const { client, tap } = await startGrpcFleet([{ unary: echo }]);
  await ask(client, "x", { path: "/inference.GRPCInferenceService/ServerLive" });
  expect(tap.tap.progress().ownWork).toBe(0);
  await ask(client);
  await expect.poll(() => tap.tap.progress().ownWork).toBeGreaterThan(0);
  expect(paths.unary).toMatch(/^\/infer/);
});
