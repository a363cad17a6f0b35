import { systemRandom } from "@locum/runtime";
import { expect, test } from "vitest";
import { costOf, createDeletionCost } from "./deletion-cost.ts";
import { createEventWriter } from "./event-writer.ts";
import { createLane } from "./lane.ts";
import { podObject } from "./pod.fixture.ts";
import { podEventOf } from "./pod-event-of.ts";
import { seePod } from "./pod-seen.ts";
import { createTokenReviewer } from "./token-reviewer.ts";

const pod = { namespace: "models", name: "a", uid: "u" };
const event = { pod, type: "Normal", reason: "Promoted", action: "Promote", note: "n" } as const;

test("an Event is said once a minute, with exactly six decimals, and too many are dropped", async () => {
  let nowMs = 0;
  const bodies: Record<string, unknown>[] = [];
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const writer = createEventWriter({
    kubernetes: {
      create: async (_resource, _place, body) => {
        await gate;
        bodies.push(body as Record<string, unknown>);
        return { metadata: { name: "e" } };
      },
    },
    clock: { monotonicMs: () => nowMs, wallMs: () => 1_700_000_000_123 },
    random: systemRandom,
    say: () => undefined,
    instance: "host",
  });
  writer.write(event);
  writer.write(event);
  nowMs = 60_000;
  writer.write(event);
  for (let index = 0; index < 300; index += 1) writer.write({ ...event, note: String(index) });
  release();
  await writer.idle();
  expect(bodies[0]).toMatchObject({
    eventTime: "2023-11-14T22:13:20.123000Z",
    regarding: { name: "a", uid: "u" },
  });
  expect(bodies).toHaveLength(256);
  expect(writer.counts).toEqual({ written: 256, dropped: 46 });
});

test("deletion cost: the unfit go first, then the idle; one write a minute and pod, of a ReplicaSet only", async () => {
  expect([
    costOf({ inflight: 0, fit: false }),
    costOf({ inflight: 0, fit: true }),
    costOf({ inflight: 5, fit: true }),
  ]).toEqual([-1, 0, 8]);
  let nowMs = 0;
  const writes: string[] = [];
  const costs = createDeletionCost({
    clock: { monotonicMs: () => nowMs },
    kubernetes: {
      patch: async (_resource, { name }, body) => {
        writes.push(`${name} ${JSON.stringify(body)}`);
        throw new Error("away");
      },
    },
  });
  const seen = (name: string, controller: string | null) =>
    seePod({
      ...podObject(name, { controller }),
      ...{ metadata: { ...(podObject(name, { controller }) as { metadata: object }).metadata, uid: name } },
    });
  const [busy, lone] = [seen("busy", "rs"), seen("lone", null)];
  if (!busy || !lone) throw new Error("no pod");
  const load = { inflight: 3, fit: true };
  await costs.keep([
    [busy, load],
    [lone, load],
  ]);
  await costs.keep([[busy, { inflight: 900, fit: true }]]);
  expect(writes).toHaveLength(1);
  nowMs = 60_000;
  await costs.keep([[busy, load]]);
  expect(writes).toHaveLength(2);
});

test("a token is reviewed once a minute, once at a time, and garbage never", async () => {
  let nowMs = 0;
  let asked = 0;
  const token = (mark: string) => `${mark.repeat(20)}.${"b".repeat(40)}.${"s".repeat(40)}`;
  const review = createTokenReviewer({
    audience: "aud",
    clock: { monotonicMs: () => nowMs },
    say: () => undefined,
    cachedMax: 2,
    kubernetes: {
      create: async () => {
        asked += 1;
        await new Promise(setImmediate);
        return {
          metadata: { name: "" },
          status: {
            authenticated: true,
            audiences: ["aud"],
            user: {
              username: "system:serviceaccount:models:default",
              extra: {
                "authentication.kubernetes.io/pod-name": ["a"],
                "authentication.kubernetes.io/pod-uid": ["u"],
              },
            },
          },
        };
      },
    },
  });
  const [one, two] = await Promise.all([review(token("x")), review(token("x"))]);
  expect(one).toEqual({ namespace: "models", serviceAccount: "default", pod: "a", uid: "u" });
  expect(two).toEqual(one);
  await review(token("x"));
  expect(asked).toBe(1);
  nowMs = 60_000;
  await review(token("x"));
  expect(asked).toBe(2);
  for (const garbage of ["", "a.b.c", "x".repeat(10_000), `${token("x")}.more`, "viewer-token-of-the-file"])
    expect(await review(garbage)).toBeNull();
  expect(asked).toBe(2);
  for (const mark of ["y", "z"]) await review(token(mark));
  await review(token("x"));
  expect(asked).toBe(5);
});

test("calls of a lane that is busy are one more turn, and its failures end nothing", async () => {
  let turns = 0;
  const failures: unknown[] = [];
  const lane = createLane(
    async () => {
      turns += 1;
      await new Promise(setImmediate);
      if (turns === 1) throw new Error("first");
    },
    (error) => failures.push(error),
  );
  await Promise.all([lane.run(), lane.run(), lane.run(), lane.run()]);
  expect(turns).toBe(2);
  expect(failures).toHaveLength(1);
  await lane.run();
  await lane.idle();
  expect(turns).toBe(3);
});

test("of the audit log only what concerns a pod is an Event", () => {
  const base = {
    at: "",
    service: "s",
    instance: "a",
    actor: "collector",
    epoch: 7,
    incident: null,
    reason: "why",
    facts: {},
  };
  expect(podEventOf({ ...base, kind: "promote.commit" })).toMatchObject({
    reason: "Promoted",
    note: "why (epoch 7)",
  });
  expect(podEventOf({ ...base, kind: "restore.result", facts: { outcome: "failed" } })?.type).toBe("Warning");
  expect(podEventOf({ ...base, kind: "policy.change" })).toBeNull();
});
