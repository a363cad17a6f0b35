import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { systemClock } from "@locum/runtime";
import { expect, test, vi } from "vitest";
import { type KeepEvent, type Kept, keepRunning } from "./keep-running.ts";
import { startChild } from "./start-child.ts";

const program = (name: string) => fileURLToPath(new URL(`../testing/programs/${name}.ts`, import.meta.url));
const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** The process id that answers there. */
function asked(address: string): Promise<number> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    socket.on("data", (chunk) => resolve(Number(String(chunk))));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("no answer")));
  });
}

async function kept(work: (one: Kept, events: KeepEvent[]) => Promise<void>): Promise<void> {
  const events: KeepEvent[] = [];
  const one = await keepRunning({
    name: "listener",
    clock: systemClock,
    onEvent: (event) => events.push(event),
    start: (before) =>
      startChild({
        file: program("listener"),
        args: before ? [String(before.address)] : [],
        onLog: () => undefined,
      }),
  });
  try {
    await work(one, events);
  } finally {
    await one.stop();
  }
}

test("what is killed runs again, on the address that it had", async () => {
  await kept(async (one, events) => {
    const address = String(one.line.address);
    const first = await asked(address);
    expect(first).toBe(one.pid());
    process.kill(first, "SIGKILL");
    await vi.waitFor(async () => expect(await asked(address)).not.toBe(first), { timeout: 10_000 });
    expect(one.pid()).toBe(await asked(address));
    expect(events.map(({ kind }) => kind)).toEqual(["ended", "started"]);
    expect(events[0]).toMatchObject({ how: "SIGKILL", againMs: 200 });
  });
});

test("what is stopped stays ended", async () => {
  let pid = 0;
  const seen: KeepEvent[] = [];
  await kept(async (one, events) => {
    pid = one.pid() ?? 0;
    await one.stop();
    seen.push(...events);
  });
  expect(lives(pid)).toBe(false);
  expect(seen).toEqual([]);
});

test("a first start that fails says why, by the code that the program gave", async () => {
  await kept(async (one) => {
    const taken = String(one.line.address);
    const start = () => startChild({ file: program("listener"), args: [taken], onLog: () => undefined });
    await expect(
      keepRunning({ name: "collector", clock: systemClock, onEvent: () => undefined, start }),
    ).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining(`collector: ${taken}`) });
  });
});

test("a child does not outlive a parent that was killed", async () => {
  const parent = spawn(process.execPath, [program("parent"), program("listener")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  const { pid, address } = JSON.parse(line) as { pid: number; address: string };
  expect(await asked(address)).toBe(pid);
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(lives(pid)).toBe(false), { timeout: 10_000 });
});
