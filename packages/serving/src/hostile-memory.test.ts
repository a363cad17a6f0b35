import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { HttpJson, type Protocol } from "@locum/contracts";
import { afterAll, expect, test } from "vitest";
import type { HugeCase } from "./testing/ask-in-little-memory.ts";
import { encodeMessage, startScriptedGrpc } from "./testing/scripted-grpc-server.ts";

const mib = 1024 * 1024;
/** A text of so many MiB out of one piece, or of pieces that are told apart by their number. */
function fill(
  sizeMib: number,
  before: string,
  piece: string | ((at: number) => string),
  after: string,
): Buffer {
  const bytes = Buffer.alloc(sizeMib * mib);
  let at = bytes.write(before);
  if (typeof piece === "string") {
    const room = bytes.length - after.length - 1;
    const count = Math.floor((room - at) / piece.length);
    bytes.fill(piece, at, at + count * piece.length);
    at += count * piece.length;
  } else for (let count = 0; at < bytes.length - 64; count++) at += bytes.write(piece(count), at);
  return bytes.subarray(0, at - 1 + bytes.write(after, at - 1));
}

const outputs = (datatype: string, count: number) =>
  `{"outputs":[{"name":"y","datatype":"${datatype}","shape":[${count}],"data":[`;
const request = { inputs: [] };
const chat = { messages: [] };
const sse = { "content-type": "text/event-stream" };

function binary(datatype: string, bytes: number, count: number) {
  const tensor = { name: "y", datatype, shape: [count], parameters: { binary_data_size: bytes } };
  const head = Buffer.from(JSON.stringify({ outputs: [tensor] }));
  const headers = { "inference-header-content-length": String(head.length) };
  return { headers, body: Buffer.concat([head, Buffer.alloc(bytes)]) };
}

type Huge = { protocol: Protocol; body: Buffer; headers?: Record<string, string>; becomes: string };
const million = "1.5,".repeat(500_000).slice(0, -1);
const refused = "upstream-protocol";
const huge: Record<string, Huge> = {
  "half a million numbers": {
    protocol: "oip-v2-rest",
    body: Buffer.from(`${outputs("FP32", 500_000)}${million}]}]}`),
    becomes: "500000",
  },
  "four million numbers in raw bytes": {
    protocol: "oip-v2-rest",
    ...binary("FP32", 16 * mib, 4 * mib),
    becomes: String(4 * mib),
  },
  "half precision in raw bytes": {
    protocol: "oip-v2-rest",
    ...binary("FP16", 20 * mib, 10 * mib),
    becomes: String(10 * mib),
  },
  "more bytes than an answer has": {
    protocol: "oip-v2-rest",
    body: Buffer.alloc(30 * mib, " "),
    becomes: refused,
  },
  digits: { protocol: "oip-v2-rest", body: fill(15, outputs("FP32", 1), "1,", "]}]}"), becomes: refused },
  "empty objects": { protocol: "oip-v2-rest", body: fill(15, "[", "{},", "]"), becomes: refused },
  "keys of their own": {
    protocol: "http-json",
    body: fill(15, "[", (at) => `{"${at.toString(36)}":1},`, "]"),
    becomes: refused,
  },
  "one wide text": { protocol: "torchserve", body: fill(15, '["中', "a", 'x"]'), becomes: refused },
  predictions: { protocol: "kserve-v1", body: fill(15, '{"predictions":[', "[],", "]}"), becomes: refused },
  "empty texts in raw bytes": {
    protocol: "oip-v2-rest",
    ...binary("BYTES", 16 * mib, 4 * mib),
    becomes: refused,
  },
  "truth values in raw bytes": {
    protocol: "oip-v2-rest",
    ...binary("BOOL", 16 * mib, 16 * mib),
    becomes: refused,
  },
  tokens: {
    protocol: "openai",
    body: fill(15, '{"choices":[{"text":"","logprobs":{"content":[', "{},", "]}}]}"),
    becomes: refused,
  },
  "an event of tokens": {
    protocol: "openai",
    headers: sse,
    body: fill(3, 'data: {"choices":[{"text":"","logprobs":{"content":[', "{},", "]}}]}\n\n"),
    becomes: refused,
  },
  "events without an end": {
    protocol: "openai",
    headers: sse,
    body: fill(7, "", 'data: {"choices":[{"index":0}]}\n\n', "\n"),
    becomes: refused,
  },
  "choices without an end": {
    protocol: "openai",
    headers: sse,
    body: fill(7, "", (at) => `data: {"choices":[{"index":${at}}]}\n\n`, "\n"),
    becomes: refused,
  },
};

const servers: { close(): void }[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** The answer to each POST, and a page of metrics without a word on it. */
async function serve({ body, headers = {} }: Huge): Promise<string> {
  const page = Buffer.alloc(8 * mib, "\n");
  const server: Server = createServer((asked, response) => {
    asked.resume();
    if (asked.method === "POST") response.writeHead(200, headers).end(body);
    else if (asked.url === "/metrics") response.end(page);
    else response.writeHead(404).end();
  });
  servers.push({ close: () => void server.close(() => undefined).closeAllConnections() });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveGrpc(answer: Uint8Array | Uint8Array[]): Promise<string> {
  const isStream = Array.isArray(answer);
  const decoupled = {
    code: 12,
    details: "ModelInfer RPC doesn't support models with decoupled transaction policy",
  };
  const server = await startScriptedGrpc({
    ModelInfer: () => (isStream ? decoupled : answer),
    ModelStreamInfer: () => (isStream ? answer : decoupled),
  });
  servers.push(server);
  return server.address;
}

/** What stands in front of so many bytes of one field of a message. */
function prefixed(field: number, bytes: Buffer): Buffer {
  const varint: number[] = [];
  let left = bytes.length;
  for (; left > 127; left = Math.floor(left / 128)) varint.push((left % 128) + 128);
  return Buffer.concat([Buffer.from([field * 8 + 2, ...varint, left]), bytes]);
}

const head = (datatype: string, count: number, contents: Buffer) =>
  prefixed(
    5,
    Buffer.concat([
      encodeMessage("Infer.Input", { name: "y", datatype, shape: [count] }),
      prefixed(5, contents),
    ]),
  );

test("an answer that is huge or hostile is a Fault, and never the end of a sidecar", {
  timeout: 120_000,
}, async () => {
  const cases: HugeCase[] = [];
  const expected: string[] = [];
  const httpJson = HttpJson.parse({ infer: "/infer", models: ["m"], outputs: { all: "$" } });
  for (const [name, one] of Object.entries(huge)) {
    const { protocol, becomes } = one;
    const asks = protocol === "openai" ? chat : protocol === "kserve-v1" ? { instances: [1] } : request;
    const url = await serve(one);
    cases.push({
      name,
      url,
      request: asks,
      protocol,
      timeoutMs: 60_000,
      ...(protocol === "http-json" ? { httpJson } : {}),
    });
    expected.push(`${name}: ${becomes}`);
  }
  const overGrpc: Record<string, [Uint8Array | Uint8Array[], string]> = {
    "gRPC, empty texts": [head("BYTES", 4 * mib, Buffer.alloc(8 * mib, Buffer.from([66, 0]))), refused],
    "gRPC, one text": [head("BYTES", 1, prefixed(8, Buffer.alloc(20 * mib, "a"))), refused],
    "gRPC, truth values": [head("BOOL", 16 * mib, prefixed(1, Buffer.alloc(16 * mib, 1))), refused],
    "gRPC, numbers of one byte": [head("INT64", 16 * mib, prefixed(3, Buffer.alloc(16 * mib, 1))), refused],
    "gRPC, a million numbers": [head("INT64", mib, prefixed(3, Buffer.alloc(mib, 1))), String(mib)],
    "gRPC, messages without an end": [Array.from({ length: 30_000 }, () => Buffer.alloc(0)), refused],
  };
  for (const [name, [answer, becomes]] of Object.entries(overGrpc)) {
    const grpc = await serveGrpc(answer);
    cases.push({
      name,
      url: "http://127.0.0.1:9",
      grpc,
      request,
      protocol: "oip-v2-grpc",
      timeoutMs: 60_000,
    });
    expected.push(`${name}: ${becomes}`);
  }

  const program = fileURLToPath(new URL("testing/ask-in-little-memory.ts", import.meta.url));
  const flags = ["--max-old-space-size=64", "--max-semi-space-size=1"];
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(cases)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await text(child.stdout);
  expect(said.trim().split("\n")).toEqual([...expected, "all true"]);
});
