import fc from "fast-check";
import { expect, test } from "vitest";
import { createTally, openTally } from "./tally.ts";
import { createMemoryLogFs, errno } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";

const path = "/state/counted.json";
const writer = { at: "2026-01-02T03:04:05.000Z", actor: "sidecar:a" };
const of = (instance: string | null) => someEvent({ kind: "input.finding", service: "s", instance });

test("each number is told once, exactly, and goes on from there", async () => {
  const tally = createTally();
  await Promise.all([
    tally.add(of("a"), "sampled"),
    tally.add(of("a"), "sampled"),
    tally.add(of("b"), "refused", 5),
  ]);
  const { events, told } = tally.untold(writer);
  await tally.add(of("a"), "sampled");
  await told();
  expect(events.map(({ kind, instance, facts }) => [kind, instance, facts])).toEqual([
    ["audit.count", "a", { counted: "input.finding", count: 2, total: 2, why: "sampled" }],
    ["audit.count", "b", { counted: "input.finding", count: 5, total: 5, why: "refused" }],
  ]);
  expect(tally.untold(writer).events).toMatchObject([{ instance: "a", facts: { count: 1, total: 3 } }]);
});

test("a crash forgets nothing that was counted, and what it tells twice has the same total", async () => {
  const { fs } = createMemoryLogFs();
  const tally = await openTally({ path, fs });
  await tally.add(of("a"), "sampled", 3);
  const before = tally.untold(writer).events;
  expect((await openTally({ path, fs })).untold(writer).events).toEqual(before);
  await tally.untold(writer).told();
  expect((await openTally({ path, fs })).isEmpty()).toBe(true);
});

test("a full disk keeps the number in memory, and the next write holds it", async () => {
  const { fs, control } = createMemoryLogFs();
  const tally = await openTally({ path, fs });
  control.fail = () => errno("ENOSPC");
  await tally.add(of("a"), "sampled");
  control.fail = () => undefined;
  await tally.add(of("b"), "sampled");
  expect((await openTally({ path, fs })).untold(writer).events).toHaveLength(2);
});

test("whatever order adds and tellings come in, the sum of what is told is what was added", async () => {
  const step = fc.oneof(
    fc.record({ add: fc.nat(20), instance: fc.constantFrom("a", "b") }),
    fc.constant("tell"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { fs } = createMemoryLogFs();
      let tally = await openTally({ path, fs });
      let added = 0;
      let told = 0;
      for (const one of [...steps, "tell" as const]) {
        if (typeof one === "object") {
          await tally.add(of(one.instance), "sampled", one.add);
          added += one.add;
          continue;
        }
        const { events, told: done } = tally.untold(writer);
        for (const { facts } of events) told += Number(facts.count);
        await done();
        tally = await openTally({ path, fs });
      }
      expect(told).toBe(added);
    }),
  );
});

test("a damaged file, or one of ten thousand instances, is no way to fall", async () => {
  const { fs } = createMemoryLogFs();
  await fs.replace(path, "{");
  expect((await openTally({ path, fs })).isEmpty()).toBe(true);
  const tally = createTally();
  for (let index = 0; index < 10_005; index += 1) await tally.add(of(`i${index}`), "sampled");
  const { events } = tally.untold(writer);
  expect(events.reduce((sum, { facts }) => sum + Number(facts.count), 0)).toBe(10_005);
  expect(events.at(-1)).toMatchObject({ service: "", instance: null, facts: { count: 5 } });
});
