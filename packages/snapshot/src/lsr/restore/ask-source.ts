import { Fault } from "@locum/contracts";
import type { Clock } from "../../clock.ts";
import type { ChunkRef } from "../manifest/manifest-body.ts";
import { createLatencies } from "./latencies.ts";
import type { IsChunk } from "./restore-checks.ts";
import type { RestoreSource } from "./restore-source.ts";

/** Without bytes and fault: the source does not have the chunk. */
export type Answer = { bytes?: Uint8Array; fault?: Fault };

export type SourceState = {
  name: string;
  isWorthAsking(chunkId: Uint8Array): boolean;
  /** Bytes only if they are the chunk. Never throws a Fault. */
  ask(chunk: ChunkRef): Promise<Answer>;
  p95(): number | undefined;
  /** Why it is not asked any more. */
  dropped(): string | undefined;
  give: RestoreSource["give"];
};

/** So many failures in a row, and a source is not asked again: each may have cost half a minute. */
const failuresMax = 5;
/** More unanswered questions than this wait at no source: each can still come back with a mebibyte. */
const unansweredMax = 32;

/** What a restore knows of one source: how fast it answers, and whether it can be asked at all. */
export function createSourceState(
  { name, read, has, isChecked = false, onOtherBytes = "drop", give }: RestoreSource,
  { isChunk, clock, answerMsMax }: { isChunk: IsChunk; clock: Clock; answerMsMax: number },
): SourceState {
  const latencies = createLatencies();
  let dropped: string | undefined;
  let failures = 0;
  let unanswered = 0;

  async function readInTime({ chunkId, plainLength }: ChunkRef): Promise<Uint8Array | undefined> {
    unanswered++;
    const answer = read(chunkId, plainLength).finally(() => unanswered--);
    // When it is late nobody waits for it any more, whatever it comes to.
    answer.catch(() => {});
    const timer = new AbortController();
    const late = clock.sleep(answerMsMax, timer.signal).then(() => {
      if (timer.signal.aborted) return undefined;
      throw new Fault("upstream-timeout", `source ${name} did not answer within ${answerMsMax} ms`, {
        hint: "Is the source of the restore reachable and not overloaded?",
      });
    });
    late.catch(() => {});
    try {
      return await Promise.race([answer, late]);
    } finally {
      // With a reason of its own: the default is an error with a stack, for each chunk.
      timer.abort("answered");
    }
  }

  function failed(fault: Fault): Answer {
    // One bad chunk says nothing about the next; a source that does not answer is likely to go on so.
    const isOfSource = !["snapshot-corrupt", "snapshot-missing"].includes(fault.code);
    if (isOfSource && ++failures >= failuresMax)
      dropped ??= `${failures} failures in a row: ${fault.message}`;
    return { fault };
  }

  return {
    name,
    isWorthAsking: (chunkId) =>
      dropped === undefined && unanswered < unansweredMax && (has === undefined || has(chunkId)),
    async ask(chunk) {
      const start = clock.monotonicMs();
      try {
        const bytes = await readInTime(chunk);
        failures = 0;
        if (!bytes) return {};
        latencies.add(clock.monotonicMs() - start);
        const isIt =
          bytes.length === chunk.plainLength && (isChecked || (await isChunk(chunk.chunkId, bytes)));
        if (isIt) return { bytes };
        if (onOtherBytes === "drop")
          dropped ??= `other bytes than those of chunk ${Buffer.from(chunk.chunkId).toString("hex")}`;
        return {};
      } catch (error) {
        if (error instanceof Fault) return failed(error);
        throw error;
      }
    },
    p95: latencies.p95,
    dropped: () => dropped,
    give,
  };
}
