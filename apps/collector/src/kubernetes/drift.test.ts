import { Fault } from "@locum/contracts";
import { injectConfig } from "@locum/injection";
import type { KubeObject, Kubernetes } from "@locum/runtime/kubernetes";
import { expect, test } from "vitest";
import { createDrift } from "./drift.ts";
import type { PodEvent } from "./event-writer.ts";
import { podObject } from "./pod.fixture.ts";
import { type PodSeen, seePod } from "./pod-seen.ts";

function world({ heal = "evict" as "off" | "evict", refuse = null as Fault | null } = {}) {
  let nowMs = 0;
  const objects = new Map<string, KubeObject>();
  const events: PodEvent[] = [];
  const evicted: string[] = [];
  const kubernetes: Pick<Kubernetes, "get" | "create"> = {
    get: async (_resource, { name = "" }) => objects.get(name) ?? null,
    create: async (_resource, { name = "", sub }) => {
      expect(sub).toBe("eviction");
      if (refuse) throw refuse;
      evicted.push(name);
      return { metadata: { name } };
    },
  };
  const drift = createDrift({
    kubernetes,
    events: { write: (event) => events.push(event) },
    clock: { monotonicMs: () => nowMs },
    say: () => undefined,
    heal,
    config: injectConfig(),
  });
  const pods = (...given: object[]): PodSeen[] =>
    given.flatMap((object) => {
      const { metadata } = object as { metadata: { name: string } };
      const whole = {
        ...object,
        metadata: { ...metadata, uid: `uid-${metadata.name}`, resourceVersion: "1" },
      };
      objects.set(metadata.name, whole as unknown as KubeObject);
      return seePod(whole) ?? [];
    });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { drift, events, evicted, pods, pass };
}
const bare = (name: string, more: object = {}) => podObject(name, { injected: false, ...more });

test("one pod a minute and group is evicted, through the Eviction API", async () => {
  const { drift, evicted, pods, pass } = world();
  const all = pods(bare("a"), bare("b"), bare("c", { controller: "rs-2" }), podObject("fine"));
  await drift.keep(all);
  expect(evicted).toEqual(["a", "c"]);
  await drift.keep(all);
  expect(evicted).toHaveLength(2);
  pass(60_000);
  await drift.keep(all.filter(({ name }) => name !== "a" && name !== "c"));
  expect(evicted).toEqual(["a", "c", "b"]);
});

test("never: one that could have no sidecar, one that nobody would make again, and none while healing is off", async () => {
  const { drift, evicted, events, pods } = world();
  await drift.keep(pods(bare("host", { hostNetwork: true }), bare("lone", { controller: null })));
  expect(evicted).toEqual([]);
  expect(drift.drifted().map(({ injection, reason }) => [injection, reason])).toEqual([
    ["declined", "host_network"],
    ["missed", null],
  ]);
  expect(events.map(({ reason }) => reason)).toEqual(["InjectionDeclined", "InjectionMissed"]);
  const off = world({ heal: "off" });
  await off.drift.keep(off.pods(bare("a")));
  expect(off.evicted).toEqual([]);
  expect(off.events).toHaveLength(1);
});

test("a disruption budget that holds it back is counted, and asked again a minute later", async () => {
  const { drift, pods, pass } = world({ refuse: new Fault("upstream-unreachable", "429 TooManyRequests") });
  const all = pods(bare("a"));
  await drift.keep(all);
  await drift.keep(all);
  expect(drift.counts).toEqual({ evicted: 0, blocked: 1 });
  pass(60_000);
  await drift.keep(all);
  expect(drift.counts.blocked).toBe(2);
});

test("a pod that is gone or going is forgotten", async () => {
  const { drift, pods } = world({ heal: "off" });
  await drift.keep(pods(bare("a")));
  await drift.keep([]);
  expect(drift.drifted()).toEqual([]);
});
