import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { codeOf } from "../testing/code-of.ts";
import { asking, goodAnswer, grpcRig, serverNamed } from "../testing/grpc-rig.ts";
import { encodeMessage } from "../testing/scripted-grpc-server.ts";
import { connectOipV2Grpc } from "./adapter.ts";
import { probeGrpc } from "./probe.ts";

const call = { timeoutMs: 20_000 };
const rig = grpcRig();
const { at } = rig;
afterEach(rig.close);

test("an answer that does not come ends with the call's own time, and the next call is answered", async () => {
  let silent = true;
  await at({ ModelInfer: () => (silent ? "silence" : goodAnswer()), ServerLive: () => "silence" });
  expect(await codeOf(rig.one.infer("m", asking, { timeoutMs: 100 }))).toBe("upstream-timeout");
  expect(await rig.one.live({ timeoutMs: 100 })).toMatchObject({ ok: false, detail: "timeout" });
  silent = false;
  expect((await rig.one.infer("m", asking, call)).outputs).toMatchObject([
    { name: "y", datatype: "FP32", shape: [1] },
  ]);
});

test("a server that comes back is found by the next call", async () => {
  await at({ ServerLive: () => encodeMessage("Live", { live: true }) });
  expect(await rig.one.live(call)).toMatchObject({ ok: true });
  const { address } = rig.server;
  rig.server.close();
  await expect.poll(() => rig.one.live(call)).toMatchObject({ ok: false, detail: "refused" });
  await rig.listen({ ServerLive: () => encodeMessage("Live", { live: true }) }, { address });
  expect(await rig.one.live(call)).toMatchObject({ ok: true, detail: "ok" });
});

test("running calls end when the connection is closed, and later calls open a new one", async () => {
  await at({ ModelInfer: () => "silence", ServerLive: () => encodeMessage("Live", { live: true }) });
  const running = codeOf(rig.one.infer("m", asking, call));
  await expect.poll(() => rig.server.asked.length).toBe(1);
  rig.one.close();
  expect(await running).toBe("upstream-unreachable");
  expect(await rig.one.live(call)).toMatchObject({ ok: true });
});

test("headers and credentials become metadata, but for those of the transport", async () => {
  await rig.listen({ ServerLive: () => encodeMessage("Live", { live: true }) });
  const headers = {
    "X-Tenant": "a",
    "Content-Type": "application/json",
    "grpc-timeout": "1n",
    host: "other",
  };
  rig.connect({ url: "http://me:secret@127.0.0.1:9/v2", grpc: rig.server.address, headers });
  expect(await rig.one.live(call)).toMatchObject({ ok: true });
  const metadata = rig.server.asked[0]?.metadata.getMap();
  expect(metadata).toMatchObject({ "x-tenant": "a", authorization: `Basic ${btoa("me:secret")}` });
  expect(metadata?.["content-type"]).not.toBe("application/json");
  expect(rig.one.url).toBe("http://127.0.0.1:9");
});

test("an https URL means TLS there too, with the authority that is given and no other", async ({ skip }) => {
  const [mine, other] = ["127.0.0.1", "127.0.0.2"].map(certificate);
  if (!mine || !other) return skip("openssl is not installed");
  const script = { ServerLive: () => encodeMessage("Live", { live: true }) };
  const secured = (pair: typeof mine) => ({ credentials: ServerCredentials.createSsl(null, [pair]) });
  await rig.listen(script, secured(mine));
  const ca = mine.cert_chain;
  const target = { url: "https://127.0.0.1:9", grpc: rig.server.address };
  rig.connect({ ...target, ca });
  expect(await rig.one.live(call)).toMatchObject({ ok: true });
  expect(await probeGrpc({ address: rig.server.address, ca, ...call })).toMatchObject({ speaks: true });
  rig.one.close();
  rig.connect(target);
  expect(await rig.one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
  rig.one.close();
  rig.server.close();

  await rig.listen(script, secured(other));
  rig.connect({ url: target.url, grpc: rig.server.address, ca: other.cert_chain });
  expect(await rig.one.live(call)).toMatchObject({ ok: false, detail: "protocol" });
});

test("its port is the one above the URL's unless it is named", async () => {
  const scripted = { ServerLive: () => encodeMessage("Live", { live: true }) };
  await rig.listen(scripted);
  const port = Number(rig.server.address.split(":")[1]);
  rig.connect({ url: `http://127.0.0.1:${port - 1}` });
  expect(await rig.one.live(call)).toMatchObject({ ok: true });
  expect(() => connectOipV2Grpc({ url: "http://127.0.0.1:65535" })).toThrow(/no port above/);
});

test("a probe says who speaks there, ready or not, and who does not", async () => {
  await rig.listen({
    ServerMetadata: serverNamed("triton"),
    ServerLive: () => encodeMessage("Live", { live: false }),
  });
  expect(await probeGrpc({ address: rig.server.address, ...call })).toMatchObject({
    speaks: true,
    server: { name: "triton", version: "1", extensions: [] },
    evidence: `gRPC ${rig.server.address} ServerLive: live false, ServerMetadata: triton 1`,
  });
  const { address } = rig.server;
  rig.server.close();
  expect(await probeGrpc({ address, ...call })).toMatchObject({ speaks: false });
  await rig.listen({});
  expect(await probeGrpc({ address: rig.server.address, ...call })).toMatchObject({
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
