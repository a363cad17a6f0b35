import type { TreeFile } from "@locum/contracts";
import type { Clock } from "./clock.ts";
import { sha256 } from "./hash-file.ts";
import { createLatencies } from "./lsr/restore/latencies.ts";

export type PeerAnswer =
  | { kind: "bytes"; bytes: Uint8Array<ArrayBuffer> }
  /** It gives nothing now, and may later. */
  | { kind: "busy"; retryAfterMs: number }
  /** Its live tree is another one, or the file was written since it was hashed. */
  | { kind: "gone"; reason: string }
  | { kind: "failed"; reason: string };

/** Another instance that says that its live files are the wanted tree. Nothing that it gives is believed. */
export type TreePeer = {
  name: string;
  /**
   * The bytes at this place of a file, in the buffer. Writes nothing to it any more once the signal was given, and ends
   * soon after; never throws.
   */
  ask(wanted: {
    file: TreeFile;
    offset: number;
    length: number;
    buffer: Uint8Array<ArrayBuffer>;
    signal: AbortSignal;
  }): Promise<PeerAnswer>;
};
export type Wanted = Parameters<TreePeer["ask"]>[0] & { digest: string };

export type PeerState = {
  peer: TreePeer;
  dropped: boolean;
  failures: number;
  asked: number;
  askedAt: number;
  notBeforeMs: number;
};

export type PeerStates = {
  /** The one that has the least to do, and of equals the one that was asked longest ago. */
  pick(without?: PeerState): PeerState | undefined;
  /** The bytes only where they are right; what else comes of it is kept for the next pick. */
  ask(state: PeerState, wanted: Wanted): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Until one may be asked again; undefined when all are dropped. */
  waitMs(): number | undefined;
  /** Why the last one was dropped. */
  why(): string;
  p95(): number | undefined;
};

/** What a restore knows of the peers that it asks: who is dropped, who gives nothing now, how fast they answer. */
export function createPeerStates({
  peers,
  clock,
  failuresMax,
  answerMsMax,
  onDropped,
}: {
  peers: readonly TreePeer[];
  clock: Clock;
  failuresMax: number;
  answerMsMax: number;
  onDropped?: ((peer: string, reason: string) => void) | undefined;
}): PeerStates {
  const latencies = createLatencies();
  const states = peers.map(
    (peer): PeerState => ({ peer, dropped: false, failures: 0, asked: 0, askedAt: 0, notBeforeMs: 0 }),
  );
  let why = "no peer has it";
  let turn = 0;

  const drop = (state: PeerState, reason: string): void => {
    if (state.dropped) return;
    state.dropped = true;
    why = `${state.peer.name}: ${reason}`;
    onDropped?.(state.peer.name, reason);
  };
  const note = async (state: PeerState, wanted: Wanted, answer: PeerAnswer): Promise<boolean> => {
    if (answer.kind === "busy") state.notBeforeMs = clock.monotonicMs() + answer.retryAfterMs;
    else if (answer.kind === "gone") drop(state, answer.reason);
    else if (answer.kind === "failed") {
      state.failures += 1;
      state.notBeforeMs = clock.monotonicMs() + 100 * state.failures;
      if (state.failures >= failuresMax) drop(state, answer.reason);
    } else if (answer.bytes.length === wanted.length && (await sha256(answer.bytes)) === wanted.digest) {
      state.failures = 0;
      return true;
    } else drop(state, `gave other bytes of ${wanted.file.path}`);
    return false;
  };

  return {
    pick: (without) =>
      states
        .filter((one) => !one.dropped && one !== without && one.notBeforeMs <= clock.monotonicMs())
        .sort((a, b) => a.asked - b.asked || a.askedAt - b.askedAt)[0],
    async ask(state, wanted) {
      const startMs = clock.monotonicMs();
      turn += 1;
      state.asked += 1;
      state.askedAt = turn;
      const answer = await askInTime(state.peer, wanted, { clock, answerMsMax });
      state.asked -= 1;
      // Who was left for a faster one has done nothing wrong.
      if (wanted.signal.aborted || !(await note(state, wanted, answer)) || answer.kind !== "bytes")
        return undefined;
      latencies.add(clock.monotonicMs() - startMs);
      return answer.bytes;
    },
    waitMs() {
      const left = states.filter(({ dropped }) => !dropped).map(({ notBeforeMs }) => notBeforeMs);
      return left.length === 0 ? undefined : Math.max(0, Math.min(...left) - clock.monotonicMs());
    },
    why: () => why,
    p95: latencies.p95,
  };
}

async function askInTime(
  peer: TreePeer,
  wanted: Wanted,
  { clock, answerMsMax }: { clock: Clock; answerMsMax: number },
): Promise<PeerAnswer> {
  const late = new AbortController();
  const done = new AbortController();
  void clock.sleep(answerMsMax, done.signal).then(() => {
    if (!done.signal.aborted) late.abort();
  });
  const answer = await peer.ask({ ...wanted, signal: AbortSignal.any([wanted.signal, late.signal]) });
  done.abort();
  return late.signal.aborted ? { kind: "gone", reason: `no answer within ${answerMsMax} ms` } : answer;
}
