import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import type { ModelServer } from "../model-server.ts";
import {
  encodeMessage,
  type ScriptedCall,
  type ScriptedGrpc,
  startScriptedGrpc,
} from "../testing/scripted-grpc-server.ts";
import { connectOipV2Grpc } from "./adapter.ts";
import { probeGrpc } from "./probe.ts";

const call = { timeoutMs: 20_000 };
let server: ScriptedGrpc;
let one: ModelServer;
afterEach(() => {
  one?.close();
  server?.close();
});

async function at(script: Record<string, ScriptedCall>, options: { answerBytesMax?: number } = {}) {
  server = await startScriptedGrpc(script);
  // Nobody listens on the HTTP side.
  one = connectOipV2Grpc({ url: "http://127.0.0.1:9", grpc: server.address, ...options });
  return one;
}

const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (fault) => fault.code,
  );
const named = (name: string) => () => encodeMessage("ServerMetadata", { name, version: "1" });
const asking = { inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] };
const output = { name: "y", datatype: "FP32", shape: [1], contents: { fp32_contents: [1] } };
const good = () => encodeMessage("Answer", { outputs: [output] });

test("an answer that does not come ends with the call's own time, and the next call is answered", async () => {
  let silent = true;
  await at({ ModelInfer: () => (silent ? "silence" : good()), ServerLive: () => "silence" });
  expect(await codeOf(one.infer("m", asking, { timeoutMs: 100 }))).toBe("upstream-timeout");
  expect(await one.live({ timeoutMs: 100 })).toMatchObject({ ok: false, detail: "timeout" });
  silent = false;
  expect((await one.infer("m", asking, call)).outputs).toMatchObject([
    { name: "y", datatype: "FP32", shape: [1] },
  ]);
});

test("a server that comes back is found by the next call", async () => {
  await at({ ServerLive: () => encodeMessage("Live", { live: true }) });
  expect(await one.live(call)).toMatchObject({ ok: true });
  const { address } = server;
  server.close();
  await expect.poll(() => one.live(call)).toMatchObject({ ok: false, detail: "refused" });
  server = await startScriptedGrpc({ ServerLive: () => encodeMessage("Live", { live: true }) }, { address });
  expect(await one.live(call)).toMatchObject({ ok: true, detail: "ok" });
});

test("running calls end when the connection is closed, and later calls open a new one", async () => {
  await at({ ModelInfer: () => "silence", ServerLive: () => encodeMessage("Live", { live: true }) });
  const running = codeOf(one.infer("m", asking, call));
  await expect.poll(() => server.asked.length).toBe(1);
  one.close();
  expect(await running).toBe("upstream-unreachable");
  expect(await one.live(call)).toMatchObject({ ok: true });
});

test("headers and credentials become metadata, but for those of the transport", async () => {
  server = await startScriptedGrpc({ ServerLive: () => encodeMessage("Live", { live: true }) });
  const headers = {
    "X-Tenant": "a",
    "Content-Type": "application/json",
    "grpc-timeout": "1n",
    host: "other",
  };
  one = connectOipV2Grpc({ url: "http://me:secret@127.0.0.1:9/v2", grpc: server.address, headers });
  expect(await one.live(call)).toMatchObject({ ok: true });
  const metadata = server.asked[0]?.metadata.getMap();
  expect(metadata).toMatchObject({ "x-tenant": "a", authorization: `Basic ${btoa("me:secret")}` });
  expect(metadata?.["content-type"]).not.toBe("application/json");
  expect(one.url).toBe("http://127.0.0.1:9");
});

test("an https URL means TLS there too, with the authority that is given and no other", async ({ skip }) => {
  const [mine, other] = ["127.0.0.1", "127.0.0.2"].map(certificate);
  if (!mine || !other) return skip("openssl is not installed");
  const script = { ServerLive: () => encodeMessage("Live", { live: true }) };
  const secured = (pair: typeof mine) => ({ credentials: ServerCredentials.createSsl(null, [pair]) });
  server = await startScriptedGrpc(script, secured(mine));
  const ca = mine.cert_chain;
  const target = { url: "https://127.0.0.1:9", grpc: server.address };
  one = connectOipV2Grpc({ ...target, ca });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(await probeGrpc({ address: server.address, ca, ...call })).toMatchObject({ speaks: true });
  one.close();
  one = connectOipV2Grpc(target);
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
  one.close();
  server.close();

  server = await startScriptedGrpc(script, secured(other));
  one = connectOipV2Grpc({ url: target.url, grpc: server.address, ca: other.cert_chain });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
});

test("its port is the one above the URL's unless it is named", async () => {
  const scripted = { ServerLive: () => encodeMessage("Live", { live: true }) };
  server = await startScriptedGrpc(scripted);
  const port = Number(server.address.split(":")[1]);
  one = connectOipV2Grpc({ url: `http://127.0.0.1:${port - 1}` });
  expect(await one.live(call)).toMatchObject({ ok: true });
  expect(() => connectOipV2Grpc({ url: "http://127.0.0.1:65535" })).toThrow(/no port above/);
});

test("a probe says who speaks there, ready or not, and who does not", async () => {
  server = await startScriptedGrpc({
    ServerMetadata: named("triton"),
    ServerLive: () => encodeMessage("Live", { live: false }),
  });
  expect(await probeGrpc({ address: server.address, ...call })).toMatchObject({
    speaks: true,
    server: { name: "triton", version: "1", extensions: [] },
    evidence: `gRPC ${server.address} ServerLive: live false, ServerMetadata: triton 1`,
  });
  const { address } = server;
  server.close();
  expect(await probeGrpc({ address, ...call })).toMatchObject({ speaks: false });
  server = await startScriptedGrpc({});
  expect(await probeGrpc({ address: server.address, ...call })).toMatchObject({
    speaks: false,
    evidence: expect.stringContaining("status 12"),
  });
});

/** Key and self-signed certificate of one address. */
function certificate(address: string): { private_key: Buffer; cert_chain: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "locum-grpc-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = [
    "-subj",
    `/CN=${address}`,
    "-addext",
    `subjectAltName=IP:${address}`,
    "-days",
    "1",
    "-nodes",
  ];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  try {
    const written = ["-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, ...written], { stdio: "ignore" });
    return { private_key: readFileSync(key), cert_chain: readFileSync(cert) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
