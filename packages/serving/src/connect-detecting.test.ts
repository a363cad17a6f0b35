import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { connect } from "./connect.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "./testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const v2: Record<string, Scripted> = {
  "GET /v2": { body: { name: "kserve", version: "1", extensions: [] } },
  "GET /v2/health/live": {},
  "GET /v2/models/m/ready": {},
  "GET /v2/models/m": { body: { name: "m" } },
};
const openai: Record<string, Scripted> = {
  "GET /v1/models": { body: { object: "list", data: [{ id: "m", owned_by: "vllm" }] } },
};

test("finds out once, whoever asks first and however many at once", async () => {
  server = await startScriptedServer(v2);
  const one = connect({ url: server.url });
  await Promise.all(Array.from({ length: 8 }, () => one.metadata("m", call)));
  await one.ready("m", call);
  expect(one.protocol).toBe("oip-v2-rest");
  expect(server.asked.filter(({ line }) => line === "GET /v2/health/no-such-check")).toHaveLength(1);
  const before = server.asked.length;
  await one.live(call);
  expect(server.asked.length - before).toBe(1);
  one.close();
});

test("speaks what it found", async () => {
  server = await startScriptedServer(openai);
  const one = connect({ url: server.url });
  expect(await one.models(call)).toEqual([{ name: "m", state: "READY" }]);
  expect(one.protocol).toBe("openai");
  one.close();
});

test("asks again while nobody answers, and takes whoever comes", async () => {
  const { url, close } = await startScriptedServer({});
  await close();
  const one = connect({ url });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "refused" });
  await expect(one.metadata("m", call)).rejects.toMatchObject({ code: "upstream-unreachable" });
  const late = createServer((request, response) => {
    const { status = 200, body = "" } = v2[`${request.method} ${request.url}`] ?? { status: 404 };
    response.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => late.listen(Number(new URL(url).port), "127.0.0.1", resolve));
  expect(await one.ready("m", call)).toMatchObject({ ok: true });
  expect((await one.metadata("m", call)).name).toBe("m");
  one.close();
  late.closeAllConnections();
  await new Promise((resolve) => late.close(resolve));
});

test("a program of no known protocol lives and is not ready", async () => {
  server = await startScriptedServer({ "GET /": { body: "<html>" } });
  const one = connect({ url: server.url });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await one.ready(undefined, call)).toMatchObject({ ok: false, detail: "protocol" });
  await expect(one.infer("m", {}, call)).rejects.toMatchObject({ code: "upstream-protocol" });
  expect(await one.progress(call)).toBe(undefined);
  one.close();
});

test("each caller waits for no longer than its own time", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const one = connect({ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
  const gone = { timeoutMs: 20_000, signal: AbortSignal.abort() };
  await expect(one.metadata("m", { timeoutMs: 20 })).rejects.toMatchObject({ code: "upstream-timeout" });
  await expect(one.infer("m", {}, gone)).rejects.toMatchObject({ code: "upstream-timeout" });
  expect(await one.live({ timeoutMs: 20 })).toMatchObject({ ok: false, detail: "timeout" });
  one.close();
  silent.closeAllConnections();
  await new Promise((resolve) => silent.close(resolve));
});
