import { Fault } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../clock.ts";
import { chunkIdOf } from "../testing/restore-rig.ts";
import { seededBytes } from "../testing/rig.ts";
import { createChunkFetcher } from "./chunk-fetcher.ts";
import type { ChunkSource, RestoreSource } from "./restore-source.ts";

const bytes = seededBytes(77)(500);
const chunk = { chunkId: chunkIdOf(bytes), plainLength: bytes.length };
const isChunk = (id: Uint8Array, found: Uint8Array) => Buffer.compare(chunkIdOf(found), id) === 0;
const good: ChunkSource = async () => bytes;
const lie: ChunkSource = async () => bytes.toReversed();
const never: ChunkSource = () => new Promise(() => {});
const fail: ChunkSource = async () => {
  throw new Fault("upstream-unreachable", "peer is away");
};

/** Time that a test moves: sleeps end when it is reached, in their order. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let now = 0;
  const sleeping = new Set<{ untilMs: number; wake: () => void }>();
  return {
    monotonicMs: () => now,
    sleep: (ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const sleeper = { untilMs: now + ms, wake: resolve };
      sleeping.add(sleeper);
      const stop = () => {
        sleeping.delete(sleeper);
        resolve();
      };
      signal?.addEventListener("abort", stop, { once: true });
      return promise;
    },
    async advance(ms) {
      now += ms;
      for (const sleeper of [...sleeping].filter(({ untilMs }) => untilMs <= now)) {
        sleeping.delete(sleeper);
        sleeper.wake();
      }
      await new Promise(setImmediate);
    },
  };
}

function fetcherOf(sources: RestoreSource[], clock = handClock()) {
  return createChunkFetcher({ sources, isChunk, clock });
}

describe("in their order", () => {
  test("the first that has it", async () => {
    const fetcher = fetcherOf([
      { name: "empty", read: async () => undefined },
      { name: "without", has: () => false, read: lie },
      { name: "twin", read: good },
      { name: "repository", read: fail },
    ]);
    expect(await fetcher.fetch(chunk)).toEqual(bytes);
    expect(fetcher.report()).toEqual({ bytesBySource: { twin: 500 }, dropped: [], hedged: 0 });
  });

  test("none has it", async () => {
    const fetch = fetcherOf([{ name: "empty", read: async () => undefined }]).fetch(chunk);
    await expect(fetch).rejects.toMatchObject({ code: "snapshot-missing" });
  });

  test("none can tell: the fault says why", async () => {
    const fetch = fetcherOf([{ name: "peer", read: fail }]).fetch(chunk);
    await expect(fetch).rejects.toMatchObject({ code: "upstream-unreachable" });
  });

  test("what is no fault is a defect, and is not passed over", async () => {
    const broken = { name: "broken", read: () => Promise.reject(new TypeError("defect")) };
    await expect(fetcherOf([broken, { name: "twin", read: good }]).fetch(chunk)).rejects.toThrow(TypeError);
  });
});

describe("a source that lies", () => {
  test.for([
    ["other bytes", lie],
    ["too few", async () => bytes.subarray(1)],
    ["too many", async () => new Uint8Array(1000)],
  ] as const)("with %s is named, dropped and not asked again", async ([_, read]) => {
    let asked = 0;
    const liar: ChunkSource = (...args) => {
      asked++;
      return read(...args);
    };
    const fetcher = fetcherOf([
      { name: "liar", read: liar },
      { name: "twin", read: good },
    ]);
    for (let turn = 0; turn < 3; turn++) expect(await fetcher.fetch(chunk)).toEqual(bytes);
    expect(asked).toBe(1);
    const { dropped, bytesBySource } = fetcher.report();
    expect(dropped).toMatchObject([{ source: "liar", reason: expect.stringContaining("other bytes") }]);
    expect(bytesBySource).toEqual({ twin: 1500 });
  });

  test("about files that may change is passed over for this chunk only", async () => {
    const fetcher = fetcherOf([
      { name: "live", read: lie, onOtherBytes: "skip" },
      { name: "twin", read: good },
    ]);
    await fetcher.fetch(chunk);
    expect(fetcher.report().dropped).toEqual([]);
  });
});

test("a source that keeps failing is dropped after five times, and its words are told", async () => {
  const fetcher = fetcherOf([
    { name: "peer", read: fail },
    { name: "twin", read: good },
  ]);
  for (let turn = 0; turn < 4; turn++) await fetcher.fetch(chunk);
  expect(fetcher.report().dropped).toEqual([]);
  await fetcher.fetch(chunk);
  expect(fetcher.report().dropped).toEqual([{ source: "peer", reason: "5 failures in a row: peer is away" }]);
});

describe("hedging", () => {
  test("a source that does not answer is joined by the next after its p95, not before", async () => {
    const clock = handClock();
    let read: ChunkSource = async () => {
      await clock.advance(40);
      return bytes;
    };
    const fetcher = fetcherOf(
      [
        { name: "peer", read: (...args) => read(...args) },
        { name: "repository", read: good },
      ],
      clock,
    );
    for (let turn = 0; turn < 16; turn++) await fetcher.fetch(chunk);
    expect(fetcher.report()).toMatchObject({ bytesBySource: { peer: 8000 }, hedged: 0 });
    read = never;
    const fetching = fetcher.fetch(chunk);
    await clock.advance(39);
    expect(fetcher.report().hedged).toBe(0);
    await clock.advance(1);
    expect(await fetching).toEqual(bytes);
    expect(fetcher.report()).toMatchObject({ bytesBySource: { repository: 500 }, hedged: 1 });
  });

  test("the first good answer counts, also that of the slower one", async () => {
    const clock = handClock();
    const slow = Promise.withResolvers<Uint8Array>();
    const fetcher = fetcherOf(
      [
        { name: "peer", read: () => slow.promise },
        { name: "repository", read: never },
      ],
      clock,
    );
    const fetching = fetcher.fetch(chunk);
    await clock.advance(1000);
    slow.resolve(bytes);
    expect(await fetching).toEqual(bytes);
    expect(fetcher.report()).toMatchObject({ bytesBySource: { peer: 500 }, hedged: 1 });
  });

  test("a source that never answers ends the wait, and is dropped when it goes on so", async () => {
    const clock = handClock();
    const fetcher = fetcherOf([{ name: "peer", read: never }], clock);
    for (let turn = 0; turn < 5; turn++) {
      const fetching = fetcher.fetch(chunk);
      fetching.catch(() => {});
      await clock.advance(30_000);
      await expect(fetching).rejects.toMatchObject({ code: "upstream-timeout" });
    }
    expect(fetcher.report().dropped).toMatchObject([{ source: "peer" }]);
    await expect(fetcher.fetch(chunk)).rejects.toMatchObject({ code: "snapshot-missing" });
  });

  test("an abort ends the wait for a source that never answers", async () => {
    const abort = new AbortController();
    const fetching = fetcherOf([{ name: "peer", read: never }]).fetch(chunk, abort.signal);
    abort.abort(new Error("stop"));
    await expect(fetching).rejects.toThrow("stop");
  });
});
