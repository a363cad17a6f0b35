import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { startScriptedServer } from "../testing/scripted-server.ts";
import { openExchange } from "./exchange.ts";

const get = { method: "GET", path: "/x", timeoutMs: 20_000 } as const;

test("connections are kept, and configured headers go with every question", async () => {
  const server = await startScriptedServer({ "GET /base/x": { body: "yes" } });
  const { ask, close } = openExchange({
    url: `${server.url}/base/v2/`,
    headers: { Authorization: "Bearer t" },
  });
  for (let i = 0; i < 3; i++)
    expect(await ask(get)).toMatchObject({ kind: "answer", status: 200, body: Buffer.from("yes") });
  expect(server.connections()).toBe(1);
  expect(server.asked.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill("Bearer t"));
  close();
  await server.close();
});

test("a kept connection that the server closed meanwhile is not taken for a failure", async () => {
  let connections = 0;
  // Answers the first question on each connection and resets it when the second one comes.
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      socket.once("data", () => socket.resetAndDestroy());
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { ask, close } = openExchange({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  for (let i = 0; i < 4; i++) expect(await ask(get)).toMatchObject({ kind: "answer", status: 200 });
  expect(connections).toBeGreaterThan(1);
  close();
  await new Promise((resolve) => server.close(resolve));
});

test("a reset on a new connection is a reset, and nothing is asked again", async () => {
  let questions = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      questions++;
      socket.resetAndDestroy();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { ask, close } = openExchange({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  expect(await ask(get)).toMatchObject({ kind: "failed", detail: "reset" });
  expect(questions).toBe(1);
  close();
  await new Promise((resolve) => server.close(resolve));
});

test("a stall of our own process is not taken for the server's", async () => {
  // The server runs on a thread of its own: it answers while this thread stands still, past the timeout.
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:http").createServer((_request, response) => {
       parentPort.postMessage("asked");
       setTimeout(() => response.end("late for a naive clock"), 20);
     }).listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const { ask, close } = openExchange({ url: `http://127.0.0.1:${port}` });
  worker.once("message", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700));
  const outcome = await ask({ ...get, timeoutMs: 400 });
  expect(outcome).toMatchObject({ kind: "answer", status: 200 });
  close();
  await worker.terminate();
});

test("TLS with an authority of one's own, and without it a fault", async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), "locum-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
  } catch {
    return skip("openssl is not installed");
  }
  const ca = readFileSync(cert);
  const server = createTlsServer({ key: readFileSync(key), cert: ca }, (_request, response) =>
    response.end("yes"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const trusting = openExchange({ url, ca });
  expect(await trusting.ask(get)).toMatchObject({ kind: "answer", status: 200 });
  const doubting = openExchange({ url });
  expect(await doubting.ask(get)).toMatchObject({ kind: "failed", detail: "protocol" });
  trusting.close();
  doubting.close();
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});
