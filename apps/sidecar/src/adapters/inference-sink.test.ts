import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Inference } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openInferenceSink } from "./inference-sink.ts";

const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
const kept = new Map<string, string>();
/** The next PUT is stored, and its answer lost. */
let losesAnswer = false;
let url: string;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "";
  if (request.method === "GET") {
    const found = kept.get(path);
    return void response.writeHead(found === undefined ? 404 : 200).end(found);
  }
  let body = "";
  for await (const chunk of request) body += String(chunk);
  if (kept.has(path)) return void response.writeHead(412).end();
  kept.set(path, body);
  if (losesAnswer) request.socket.destroy();
  else response.writeHead(200).end();
}
const server = createServer((request, response) => void answer(request, response));

beforeEach(async () => {
  kept.clear();
  losesAnswer = false;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/inference`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
const sinkOf = (part: object) => openInferenceSink(Inference.parse(part), env);

test("nothing is written where nothing is asked for", () => {
  expect(sinkOf({})).toBeNull();
  expect(sinkOf({ records: "s3" })).toBeNull();
});

test("a batch whose answer was lost is put again, and is there once", async () => {
  const sink = sinkOf({ records: "s3", s3: { url } });
  losesAnswer = true;
  await expect(sink?.put("s/a/2026-01-02/1.ndjson", "one\n")).rejects.toMatchObject({
    code: "storage-failed",
  });
  losesAnswer = false;
  await sink?.put("s/a/2026-01-02/1.ndjson", "one\n");
  expect([...kept]).toEqual([["/bucket/inference/s/a/2026-01-02/1.ndjson", "one\n"]]);
});

test("other bytes under its name are a fault, and stay", async () => {
  const sink = sinkOf({ records: "s3", s3: { url } });
  await sink?.put("name", "one\n");
  await expect(sink?.put("name", "two\n")).rejects.toMatchObject({ code: "conflict" });
  expect(kept.get("/bucket/inference/name")).toBe("one\n");
});
