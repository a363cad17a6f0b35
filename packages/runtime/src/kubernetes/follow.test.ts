import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { Kubernetes } from "./client.ts";
import { type Change, follow } from "./follow.ts";
import type { KubeObject } from "./resource.ts";
import { resources } from "./resource.ts";
import { linesOf, type WatchEvent } from "./watch.ts";

const pod = (name: string, resourceVersion: string): KubeObject => ({ metadata: { name, resourceVersion } });

/** Answers lists and watches in the order written, then aborts; tells what was asked. */
async function play(turns: { list?: KubeObject[] | Error; watch?: (WatchEvent | Error)[] }[]) {
  const asked: string[] = [];
  const end = new AbortController();
  const troubles: unknown[] = [];
  const waits: number[] = [];
  const kubernetes: Pick<Kubernetes, "list" | "watch"> = {
    async list() {
      const turn = turns.shift();
      asked.push("list");
      if (turn?.list instanceof Error) throw turn.list;
      return { items: turn?.list ?? [], resourceVersion: "10" };
    },
    async *watch(_resource, _place, options) {
      const turn = turns.shift();
      asked.push(`watch ${options?.resourceVersion}`);
      for (const event of turn?.watch ?? []) {
        if (event instanceof Error) throw event;
        yield event;
      }
      if (turns.length === 0) end.abort();
    },
  };
  const changes: Change[] = [];
  for await (const change of follow(kubernetes, resources.pods, {
    signal: end.signal,
    clock: { ...systemClock, sleep: async (ms) => void waits.push(ms) },
    random: { next: () => 1 },
    onTrouble: (error) => troubles.push(error),
  }))
    changes.push(change);
  return { asked, changes, troubles, waits };
}

test("a list, then its changes; resumed from the last version after a break", async () => {
  const broken = new Error("reset");
  const { asked, changes, troubles } = await play([
    { list: [pod("a", "3")] },
    {
      watch: [{ kind: "added", object: pod("b", "11") }, { kind: "bookmark", resourceVersion: "15" }, broken],
    },
    { watch: [{ kind: "deleted", object: pod("a", "16") }] },
    { watch: [] },
  ]);
  expect(asked).toEqual(["list", "watch 10", "watch 15", "watch 16"]);
  expect(changes.map(({ kind }) => kind)).toEqual(["all", "put", "gone"]);
  expect(troubles).toEqual([broken]);
});

test("a version that is compacted away is listed again, and so is whatever was missed", async () => {
  const { asked, changes } = await play([
    { list: [pod("a", "3")] },
    { watch: [{ kind: "expired" }] },
    { list: [pod("b", "20")] },
    { watch: [] },
  ]);
  expect(asked).toEqual(["list", "watch 10", "list", "watch 10"]);
  expect(changes).toEqual([
    { kind: "all", items: [pod("a", "3")] },
    { kind: "all", items: [pod("b", "20")] },
  ]);
});

test("waits longer with each failure, and starts anew after a success", async () => {
  const no = new Error("no");
  const { waits, troubles } = await play([
    { list: no },
    { list: no },
    { list: no },
    { list: [] },
    { watch: [{ kind: "added", object: pod("a", "11") }, no] },
    { watch: [{ kind: "added", object: pod("a", "12") }] },
  ]);
  expect(troubles).toHaveLength(4);
  expect(waits.slice(0, 4)).toEqual([250, 500, 1000, 250]);
});

test("a server that ends each watch at once is not asked in a circle", async () => {
  const { waits } = await play([{ list: [] }, ...Array.from({ length: 5 }, () => ({ watch: [] }))]);
  expect(waits).toEqual([250, 500, 1000, 2000]);
});

test("property: lines come out whole, however the stream is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", "")),
        { maxLength: 20 },
      ),
      fc.array(fc.nat(200), { maxLength: 20 }),
      async (lines, cuts) => {
        const whole = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const places = [
          0,
          ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b),
          whole.length,
        ];
        const chunks = places.slice(1).map((end, index) => whole.subarray(places[index], end));
        const got: string[] = [];
        for await (const line of linesOf(streamOf(chunks))) got.push(line);
        expect(got).toEqual(lines);
      },
    ),
  );
});

test("a line without an end is refused", async () => {
  const megabyte = Buffer.alloc(1024 * 1024, "x");
  const drain = async (): Promise<void> => {
    for await (const _ of linesOf(streamOf(Array.from({ length: 20 }, () => megabyte))));
  };
  await expect(drain()).rejects.toMatchObject({ code: "upstream-protocol" });
});

async function* streamOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}
