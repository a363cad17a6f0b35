import { Fault } from "@locum/contracts";
import type { Clock } from "../../clock.ts";
import type { ChunkRef } from "../manifest/manifest-body.ts";
import { type Answer, createSourceState, type SourceState } from "./ask-source.ts";
import type { IsChunk } from "./restore-checks.ts";
import type { RestoreSource } from "./restore-source.ts";

export type DroppedSource = { source: string; reason: string };
export type FetchReport = { bytesBySource: Record<string, number>; dropped: DroppedSource[]; hedged: number };
export type ChunkFetcher = {
  /** @throws Fault snapshot-missing: no source has it · or the last fault of a source that could not tell */
  fetch(chunk: ChunkRef, signal?: AbortSignal): Promise<Uint8Array>;
  /** For what `fetch` gave, once it is written: its memory may be used again. */
  done(bytes: Uint8Array): void;
  report(): FetchReport;
};

export type FetcherOptions = {
  sources: readonly RestoreSource[];
  isChunk: IsChunk;
  clock: Clock;
  /** How long a source may take before the next is asked too, while there are too few answers for a p95. */
  hedgeFirstMs?: number;
  /** Never sooner than this, or a fast source would be doubled for every stray. */
  hedgeFloorMs?: number;
  /** A source that takes longer has not answered. */
  answerMsMax?: number;
};

type Event = { kind: "answer"; state: SourceState; answer: Answer } | { kind: "hedge" };

/**
 * Each chunk from the first source that has it, in their order. When that one takes longer than its p95, the next is
 * asked beside it, and the first good answer counts.
 */
export function createChunkFetcher({
  hedgeFirstMs = 1000,
  hedgeFloorMs = 20,
  answerMsMax = 30_000,
  ...options
}: FetcherOptions): ChunkFetcher {
  const { clock } = options;
  const states = options.sources.map((source) => createSourceState(source, { ...options, answerMsMax }));
  const bytesBySource: Record<string, number> = {};
  const givers = new WeakMap<Uint8Array, NonNullable<RestoreSource["give"]>>();
  let hedged = 0;

  async function fetch(chunk: ChunkRef, signal?: AbortSignal): Promise<Uint8Array> {
    const waiting = [...states];
    const running = new Map<SourceState, Promise<Event>>();
    let fault: Fault | undefined;
    const askNext = (): SourceState | undefined => {
      let state = waiting.shift();
      while (state && !state.isWorthAsking(chunk.chunkId)) state = waiting.shift();
      if (!state) return undefined;
      const asked = state;
      const event = asked.ask(chunk).then((answer): Event => ({ kind: "answer", state: asked, answer }));
      // Who is not waited for any more may still fail.
      event.catch(() => {});
      running.set(asked, event);
      return asked;
    };
    let latest = askNext();
    while (latest && running.size > 0) {
      const hedgeMs = waiting.length > 0 ? Math.max(hedgeFloorMs, latest.p95() ?? hedgeFirstMs) : undefined;
      const event = await firstOf([...running.values()], { hedgeMs, clock, signal });
      if (event.kind === "hedge") {
        hedged++;
        latest = askNext() ?? latest;
        continue;
      }
      const { state, answer } = event;
      running.delete(state);
      if (answer.bytes) {
        bytesBySource[state.name] = (bytesBySource[state.name] ?? 0) + chunk.plainLength;
        if (state.give) givers.set(answer.bytes, state.give);
        return answer.bytes;
      }
      fault = answer.fault ?? fault;
      if (running.size === 0) latest = askNext();
    }
    throw fault ?? new Fault("snapshot-missing", `chunk ${hexOf(chunk.chunkId)} is in no source`);
  }

  const dropped = (): DroppedSource[] =>
    states.flatMap(({ name, dropped }) => {
      const reason = dropped();
      return reason === undefined ? [] : [{ source: name, reason }];
    });
  const done = (bytes: Uint8Array): void => givers.get(bytes)?.(bytes);
  return { fetch, done, report: () => ({ bytesBySource: { ...bytesBySource }, dropped: dropped(), hedged }) };
}

/** The first answer, or that it is time to ask another; stops waiting when the signal aborts. */
async function firstOf(
  running: Promise<Event>[],
  { hedgeMs, clock, signal }: { hedgeMs: number | undefined; clock: Clock; signal: AbortSignal | undefined },
): Promise<Event> {
  signal?.throwIfAborted();
  const timer = new AbortController();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const contenders: Promise<Event>[] = [...running, aborted.promise];
    if (hedgeMs !== undefined)
      contenders.push(clock.sleep(hedgeMs, timer.signal).then(() => ({ kind: "hedge" })));
    return await Promise.race(contenders);
  } finally {
    timer.abort("answered");
    signal?.removeEventListener("abort", onAbort);
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
