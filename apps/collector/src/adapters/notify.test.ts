import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createNotifier, type Notice } from "./notify.ts";

const notice = (subject = "s: b promoted"): Notice => ({
  subject,
  event: {
    kind: "promote.settle",
    at: "2026-01-01T00:00:00.000Z",
    service: "s",
    instance: "b",
    actor: "collector",
    epoch: 1,
    incident: null,
    reason: "$(touch /tmp/never); `x`",
    facts: {},
  },
});

const ends: (() => unknown)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
async function receiver(statuses: number[]) {
  const bodies: string[] = [];
  const server = createServer(async (request, answer) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    const status = statuses.shift() ?? 200;
    // 0 stands for a receiver that never answers.
    if (status !== 0) answer.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { bodies, webhook: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path` };
}
function failures() {
  const failed: string[] = [];
  return {
    failed,
    onFailed: (_: Notice, target: string, reason: string) => failed.push(`${target}: ${reason}`),
  };
}

test("a webhook gets the notice as JSON, again after errors, in order", async () => {
  const { bodies, webhook } = await receiver([500, 503, 200, 200]);
  const { failed, onFailed } = failures();
  const notifier = createNotifier({ targets: [{ webhook }], onFailed, pauseMs: 1 });
  notifier.notify(notice("one"));
  notifier.notify(notice("two"));
  await notifier.idle();
  expect(bodies.map((body) => JSON.parse(body).subject)).toEqual(["one", "one", "one", "two"]);
  expect(failed).toEqual([]);
});

test.each([
  ["refuses always", [500, 500, 500], "it answered 500"],
  ["never answers", [0, 0, 0], "timeout"],
  ["sends elsewhere", [302, 302, 302], "redirect"],
])("a webhook that %s is given up, recorded without its path", async (_, statuses, reason) => {
  const { bodies, webhook } = await receiver(statuses);
  const { failed, onFailed } = failures();
  const notifier = createNotifier({
    targets: [{ webhook }],
    onFailed,
    pauseMs: 1,
    triesMax: 3,
    timeoutMs: 100,
  });
  notifier.notify(notice());
  await notifier.idle();
  expect(bodies).toHaveLength(3);
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatch(reason === "redirect" ? /failed|redirect/ : reason);
  expect(failed[0]).not.toContain("secret-path");
});

test("a queue that is full costs the newest and says so", async () => {
  const { webhook } = await receiver([]);
  const { failed, onFailed } = failures();
  const notifier = createNotifier({ targets: [{ webhook }], onFailed, waitingMax: 2 });
  for (const subject of ["one", "two", "three"]) notifier.notify(notice(subject));
  expect(failed).toHaveLength(1);
  await notifier.idle();
});

test("a program gets the event on its input and no shell; its exit code and time-out count", async () => {
  const folder = mkdtempSync(join(tmpdir(), "locum-notify-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "seen.json");
  const script = `process.stdin.pipe(require("fs").createWriteStream(process.argv[1]))`;
  const { failed, onFailed } = failures();
  const options = { onFailed, pauseMs: 1, triesMax: 1, timeoutMs: 5000 };
  const exec = (...args: string[]) => ({ exec: [process.execPath, "-e", ...args] });
  const good = createNotifier({ targets: [exec(script, file)], ...options });
  good.notify(notice());
  await good.idle();
  expect(failed).toEqual([]);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(notice());

  const bad = createNotifier({
    targets: [exec("process.exit(3)"), { exec: ["/nonexistent/program"] }],
    ...options,
  });
  bad.notify(notice());
  await bad.idle();
  const hung = createNotifier({ targets: [exec("setInterval(() => {}, 1000)")], ...options, timeoutMs: 200 });
  hung.notify(notice());
  await hung.idle();
  expect(failed.join("\n")).toMatch(/exit code 3/);
  expect(failed.join("\n")).toMatch(/ENOENT/);
  expect(failed.join("\n")).toMatch(/SIGKILL/);
});
