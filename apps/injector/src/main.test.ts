import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { someSet } from "./certificates/some-set.fixture.ts";
import { reviewOf, somePod } from "./webhook.fixture.ts";

const main = new URL("main.ts", import.meta.url).pathname;
let dir: string;
let child: ChildProcess | null = null;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-injector-"));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(dir, { recursive: true, force: true });
});

const start = (args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
  child = spawn(process.execPath, [main, ...args], { stdio: "pipe", env: { ...process.env, ...env } });
  return child;
};
const config = () => ({
  listen: "127.0.0.1:0",
  probes: "127.0.0.1:0",
  certificates: "files",
  certificateDir: dir,
  drainSeconds: 0,
});
const exitCode = async (one: ChildProcess): Promise<number | null> => {
  const [code] = (await once(one, "exit")) as [number | null];
  return code;
};

test("waits for a certificate, says that it listens, answers, and ends when it is told to", async () => {
  const one = start([], { LOCUM_INJECTOR: JSON.stringify(config()) });
  const said: string[] = [];
  createInterface({ input: one.stderr as NodeJS.ReadableStream }).on("line", (line) => said.push(line));
  const listening = once(createInterface({ input: one.stdout as NodeJS.ReadableStream }), "line");
  await expect.poll(() => said.join("\n"), { timeout: 10_000 }).toContain("the certificate was not loaded");
  const probes = (JSON.parse(said[0] ?? "{}") as { url: string }).url;
  const problems = async () =>
    (await (await fetch(`${probes}/readyz`)).json()) as { problems: { code: string }[] };
  expect((await problems()).problems.map(({ code }) => code)).toEqual(["no-certificate"]);
  expect((await fetch(`${probes}/livez`)).status).toBe(200);

  const set = await someSet();
  await writeFile(join(dir, "tls.key"), set.key);
  await writeFile(join(dir, "tls.crt"), set.cert);
  const [line] = (await listening) as [string];
  const { kind, url } = JSON.parse(line) as { kind: string; url: string };
  expect(kind).toBe("injector");
  expect((await fetch(`${probes}/readyz`)).status).toBe(200);
  const answer = await new Promise<string>((resolve, reject) => {
    const asked = request(
      `${url}/inject/v1`,
      { method: "POST", ca: set.authorities, agent: false, headers: { "content-type": "application/json" } },
      async (response) => resolve(Buffer.concat(await response.toArray()).toString()),
    );
    asked.on("error", reject).end(JSON.stringify(reviewOf(somePod())));
  });
  expect(JSON.parse(answer)).toMatchObject({ response: { allowed: true, patchType: "JSONPatch" } });
  const metrics = await (await fetch(`${probes}/metrics`)).text();
  expect(metrics).toContain('locum_injector_reviews_total{outcome="injected"} 1');
  expect(metrics).toMatch(/locum_injector_certificate_left_seconds 2\d{6}/);

  one.kill("SIGTERM");
  expect(await exitCode(one)).toBe(0);
}, 30_000);

test("ends before it has a certificate, too", async () => {
  const file = join(dir, "injector.yaml");
  await writeFile(file, JSON.stringify(config()));
  const one = start(["--config", file]);
  await once(one.stderr as NodeJS.ReadableStream, "data");
  one.kill("SIGTERM");
  expect(await exitCode(one)).toBe(0);
});

test.each([
  ["a key that is not known", "lisen: 1", 64],
  ["no cluster around it", "certificates: self", 64],
])("%s ends it with a code", async (_what, text, code) => {
  const one = start([], { LOCUM_INJECTOR: text, KUBERNETES_SERVICE_HOST: "" });
  expect(await exitCode(one)).toBe(code);
});
