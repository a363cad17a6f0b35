import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { codeOf } from "../testing/code-of.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
const chat = { messages: [{ role: "user", content: "hi" }] };
const sse = { "content-type": "text/event-stream" };
const list = { body: { data: [{ id: "m", owned_by: "me" }] } };
let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

test.for<[string, Scripted, string]>([
  [
    "says that the model is gone",
    { status: 404, body: { error: { message: "The model `m` does not exist." } } },
    "model-unknown",
  ],
  ["has no such endpoint", { status: 404, body: { detail: "Not Found" } }, "upstream-refused"],
  ["refuses the key", { status: 401, body: { error: { message: "bad key" } } }, "upstream-refused"],
  [
    "answers a page",
    { headers: { "content-type": "text/html" }, body: "<html></html>" },
    "upstream-protocol",
  ],
  ["redirects", { status: 302, headers: { location: "/elsewhere" } }, "upstream-protocol"],
  ["answers other JSON", { body: { hello: 1 } }, "upstream-protocol"],
  ["answers no choice", { body: { choices: [] } }, "upstream-protocol"],
  ["answers an error with 200", { body: { error: { message: "out of memory" } } }, "upstream-refused"],
  ["streams an error", { headers: sse, body: 'data: {"error":{"message":"died"}}\n\n' }, "upstream-refused"],
  ["streams half an event", { headers: sse, body: 'data: {"choices":[{"ind' }, "upstream-protocol"],
  [
    "streams no end",
    { headers: sse, body: 'data: {"choices":[{"index":0,"text":"a"}]}\n\ndata: [DONE]\n\n' },
    "upstream-protocol",
  ],
  ["streams what is no UTF-8", { headers: sse, body: Buffer.from([0x64, 0xff, 0x0a]) }, "upstream-protocol"],
  [
    "streams a line without end",
    { headers: sse, body: `data: ${"x".repeat(5_000_000)}` },
    "upstream-protocol",
  ],
  ["streams nothing", { headers: sse, body: "" }, "upstream-protocol"],
])("a server that %s is a fault", async ([, script, code]) => {
  server = await startScriptedServer({ "GET /v1/models": list, "POST /v1/chat/completions": script });
  const one = connect({ url: server.url, protocol: "openai" });
  expect(await codeOf(one.infer("m", chat, call))).toBe(code);
  one.close();
});

test("a stream without end ends with the time or the bytes that it has", async () => {
  const endless = createServer((request, response) => {
    if (request.method === "GET") return response.end('{"data":[{"id":"m","owned_by":"me"}]}');
    response.writeHead(200, sse);
    const more = () => {
      while (
        !response.destroyed &&
        response.write('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')
      );
    };
    response.on("drain", more);
    more();
  });
  await new Promise<void>((resolve) => endless.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(endless.address() as AddressInfo).port}`;
  const one = connect({ url, protocol: "openai", answerBytesMax: 1_000_000 });
  expect(await codeOf(one.infer("m", { ...chat, stream: true }, call))).toBe("upstream-protocol");
  one.close();
  endless.closeAllConnections();
  await new Promise((resolve) => endless.close(resolve));
});
