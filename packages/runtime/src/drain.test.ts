import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { expect, test, vi } from "vitest";
import { closeServer, drain, firstSignal } from "./drain.ts";
import { listen } from "./listen.ts";

test("parts close in order; one that fails or hangs is named and stops no other", async () => {
  const closed: string[] = [];
  const part = (name: string, act: () => Promise<void> = async () => {}) =>
    [
      name,
      async () => {
        closed.push(name);
        await act();
      },
    ] as const;
  const { late } = await drain(
    [
      part("front"),
      part("broken", async () => {
        throw new Error("no");
      }),
      part("hung", () => new Promise(() => {})),
      part("store"),
    ],
    { deadlineMs: 100 },
  );
  expect(closed).toEqual(["front", "broken", "hung", "store"]);
  expect(late).toEqual(expect.arrayContaining(["broken", "hung"]));
});

test("a server lets an open answer finish and takes no new connection", async () => {
  let finish = (): void => {};
  const server = createServer((_, answer) => {
    answer.write("half ");
    finish = () => void answer.end("and half");
  });
  const { url, port } = await listen(server, "127.0.0.1:0");
  const answer = await fetch(url);
  const drained = drain([["server", closeServer(server)]], { deadlineMs: 10_000 });
  await vi.waitFor(() =>
    expect(
      new Promise((resolve, reject) => connect(port, "127.0.0.1", () => resolve(null)).on("error", reject)),
    ).rejects.toThrow(),
  );
  finish();
  expect(await answer.text()).toBe("half and half");
  expect(await drained).toEqual({ late: [] });
});

test("what is still open at the deadline is cut", async () => {
  const server = createServer((_, answer) => void answer.write("for ever"));
  const { url } = await listen(server, "127.0.0.1:0");
  const answer = await fetch(url);
  await drain([["server", closeServer(server)]], { deadlineMs: 50 });
  await expect(answer.text()).rejects.toThrow();
});

test("the first signal drains, the second ends at once", async () => {
  const emitter = new EventEmitter();
  const exit = vi.fn();
  const seen = firstSignal(emitter as unknown as NodeJS.Process, exit);
  emitter.emit("SIGTERM", "SIGTERM");
  expect(await seen).toBe("SIGTERM");
  expect(exit).not.toHaveBeenCalled();
  emitter.emit("SIGINT", "SIGINT");
  expect(exit).toHaveBeenCalledWith(130);
});
