import { afterEach, expect, test } from "vitest";
import {
  answerWith,
  closeFleets,
  type Fault,
  good,
  hang,
  json,
  notFinite,
  resetAtOnce,
  startFleet,
  statusOf,
} from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";
import { testWire } from "./testing/test-wire.ts";

afterEach(closeFleets);

let looks = 0;
const wire: typeof testWire = {
  ...testWire,
  look(headers, body) {
    looks += 1;
    return testWire.look?.(headers, body) ?? { model: undefined, repeatable: false };
  },
};
const classify = () => ({ kind: "infer" as const, wire, model: undefined, idempotent: "body" as const });
const post = (body: string) =>
  `POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function sendTo(own: Fault, body: string, deps = {}) {
  looks = 0;
  const fleet = await startFleet([own, good], { classify, ...deps });
  const status = statusOf(await rawRequest(fleet.tap.port, post(body)));
  return { ...fleet, status };
}

test.each<[name: string, own: Fault, body: string, status: string, counts: number[], looks: number]>([
  ["a reset, and the body allows a second try", resetAtOnce, "model=m again=yes", "200", [1, 1], 1],
  ["a reset, and the body forbids it", resetAtOnce, "model=m tools", "502", [1, 0], 1],
  ["an answer that is wrong", notFinite, "model=m again=yes", "200", [1, 1], 1],
])("%s", async (_name, own, body, status, counts, looked) => {
  const sent = await sendTo(own, body);
  expect([sent.status, sent.counts(), looks]).toEqual([status, counts, looked]);
});

test("the model that the body names is told with what was found", async () => {
  const { tap } = await sendTo(notFinite, "model=big again=yes");
  expect(tap.events).toContainEqual(expect.objectContaining({ kind: "contested", model: "big" }));
});

test("the model that was asked for is known to the wire where the server lists it, within a part of the time", async () => {
  const asked: unknown[] = [];
  const watching: typeof testWire = {
    ...wire,
    defect(_headers, _body, it) {
      asked.push(it?.model);
      return undefined;
    },
  };
  let nowMs = 1_000;
  looks = 0;
  const { tap } = await startFleet([good], {
    classify: () => ({ ...classify(), wire: watching }),
    isListed: (model) => model === "m",
    clock: {
      monotonicMs() {
        nowMs += 1;
        return nowMs;
      },
    },
  });
  for (const body of ["model=m", "model=m", "model=m"]) await rawRequest(tap.port, post(body));
  nowMs += 1_000_000;
  await rawRequest(tap.port, post("model=alias"));
  expect([asked, looks]).toEqual([["m", undefined, undefined, undefined], 2]);
});

test("a body that is not kept, or longer than may be read, allows nothing", async () => {
  const long = `again=yes ${"x".repeat(2_000)}`;
  for (const limits of [{ bodyKeptBytes: 1_000 }, { bodyInspectedBytes: 1_000 }]) {
    const { status, counts } = await sendTo(resetAtOnce, long, { limits });
    expect([status, counts(), looks]).toEqual(["502", [1, 0], 0]);
  }
});

test("a body of which only a part has come allows nothing", async () => {
  looks = 0;
  const { tap, counts, upstreams } = await startFleet([hang, good], { classify });
  const client = rawClient(
    tap.port,
    "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nagain=yes",
  );
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(1);
  await upstreams[0]?.close();
  await expect.poll(() => statusOf(client.received())).toBe("502");
  expect([counts(), looks]).toEqual([[0, 0], 0]);
  client.socket.destroy();
});

test("a wire that throws allows nothing and takes nobody down", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  const broken = { ...testWire, look: boom, defect: boom, stream: boom };
  const deps = { classify: () => ({ ...classify(), wire: broken }) };
  expect((await sendTo(resetAtOnce, "again=yes", deps)).status).toBe("502");
  const { status, tap } = await sendTo(answerWith(json("200 OK", "{}")), "again=yes", deps);
  expect(status).toBe("200");
  expect(tap.tap.progress().depFaults).toBeGreaterThan(0);
});
