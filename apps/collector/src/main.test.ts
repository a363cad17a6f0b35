import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "@locum/contracts/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connectSidecar } from "./sidecar.fixture.ts";

const main = new URL("main.ts", import.meta.url).pathname;
let folder = "";
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locum-main-"));
  writeFileSync(
    join(folder, "locum.yaml"),
    `apiVersion: locum.dev/v1alpha1
service: s
instances:
  - { id: a, url: "http://127.0.0.1:9" }
failover: { heartbeatMs: 200 }
`,
  );
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  rmSync(folder, { recursive: true });
});

const run = (...more: string[]): ChildProcess => {
  const args = [main, "--config", join(folder, "locum.yaml"), ...more];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  children = [...children, child];
  return child;
};
const kill = async (child: ChildProcess, signal: NodeJS.Signals = "SIGKILL") => {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  await once(child, "exit");
  return child.exitCode;
};
const firstLine = async (child: ChildProcess): Promise<{ kind: string; url: string; tokenFile: string }> => {
  if (!child.stdout) throw new Error("no standard output");
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error("it ended without a line");
};
const ended = async (child: ChildProcess) => {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  await once(child, "close");
  return { code: child.exitCode, text };
};
const tokenOf = (file: string, role: string): string =>
  JSON.parse(readFileSync(file, "utf8")).tokens.find((entry: { role: string }) => entry.role === role).token;

test("prints one line, makes its tokens and keys for itself alone, and ends well on SIGTERM", async () => {
  const child = run();
  const { kind, url, tokenFile } = await firstLine(child);
  expect(kind).toBe("collector");
  for (const file of [tokenFile, join(folder, ".locum/collector/policy-key.pem")])
    expect(statSync(file).mode & 0o777).toBe(0o600);
  const client = createClient({ baseUrl: url, token: tokenOf(tokenFile, "viewer") });
  expect(await client.ready()).toEqual({ ready: true, problems: [] });
  expect(await client.services()).toMatchObject([{ service: "s", state: "unknown", term: 1 }]);
  expect(await kill(child, "SIGTERM")).toBe(0);
});

test("killed with work open, the next one goes on: term, operation and audit chain", async () => {
  const first = run();
  const { url, tokenFile } = await firstLine(first);
  const token = tokenOf(tokenFile, "sidecar");
  const operatorToken = tokenOf(tokenFile, "operator");
  const a = await connectSidecar({ url, token, obey: false });
  a.report();
  const operator = createClient({ baseUrl: url, token: operatorToken });
  await vi.waitFor(async () => expect((await operator.instance("s", "a")).report).not.toBeNull());
  const { id } = await operator.reload({ service: "s", instance: "a" });
  await vi.waitFor(() => expect(a.commands()).toMatchObject([{ id }]));
  const before = await operator.audit({ limit: 1000 });
  await kill(first);

  const second = run();
  const next = await firstLine(second);
  const again = createClient({ baseUrl: next.url, token: operatorToken });
  expect(await again.services()).toMatchObject([{ term: 2 }]);
  const b = await connectSidecar({ url: next.url, token, incarnation: "boot-2" });
  b.report();
  expect(await again.wait(id, { pollMs: 20, timeoutMs: 10_000 })).toMatchObject({ state: "done" });
  const after = await again.audit({ limit: 1000 });
  expect(after.slice(0, before.length)).toEqual(before);
  for (const [index, record] of after.entries())
    expect(record.previous).toBe(after[index - 1]?.hash ?? "0".repeat(64));
  await b.end();
});

test("a second collector on the same folder is refused, and the first goes on", async () => {
  const { url } = await firstLine(run());
  const { code, text } = await ended(run());
  expect(code).toBe(11);
  expect(text).toContain("another collector holds this data folder");
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test.each([
  ["a missing file", ["--config", "/nonexistent/locum.yaml"], "cannot be read"],
  ["an unknown flag", ["--tokens", "x"], "--tokens"],
  ["an address off loopback without a certificate", ["--listen", "0.0.0.0:0"], "not loopback"],
])("%s ends it with 64 before a port opens", async (_, flags, expected) => {
  const { code, text } = await ended(run(...flags));
  expect(code).toBe(64);
  expect(text).toContain(expected);
});

test("hostile HTTP is answered or dropped, and the process lives", async () => {
  const { url, tokenFile } = await firstLine(run());
  const { port } = new URL(url);
  const say = (text: string | Buffer): Promise<string> =>
    new Promise((resolve) => {
      let answer = "";
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
      socket.on("data", (chunk) => {
        answer += chunk;
        socket.end();
      });
      socket.on("error", () => resolve(answer));
      socket.on("close", () => resolve(answer));
    });
  const authorization = `Authorization: Bearer ${tokenOf(tokenFile, "operator")}`;
  const head = `POST /v1/reloads HTTP/1.1\r\nHost: x\r\n${authorization}\r\nContent-Type: application/json\r\nIdempotency-Key: 12345678\r\n`;
  expect(await say(`${head}Content-Length: 10737418240\r\n\r\n{`)).toContain(" 413 ");
  expect(await say(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff, 0x00]))).toContain(" 400 ");
  expect(
    await say("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
  ).toContain(" 404 ");
  expect(await say(`GET /livez HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(40_000)}\r\n\r\n`)).toContain(" 431 ");
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});
