import { assert, Fault, type Tree, type TreeFile, treeChunkBytes } from "@locum/contracts";
import type { Clock } from "./clock.ts";
import {
  createPeerStates,
  type PeerState,
  type PeerStates,
  type TreePeer,
  type Wanted,
} from "./peer-states.ts";
import type { Source } from "./source.ts";

export type PeerLimits = {
  /** So many failures in a row, and a peer is not asked again. */
  failuresMax: number;
  /** How long one is waited for before another is asked too, while there are too few answers for a p95. */
  hedgeFirstMs: number;
  /** Never sooner than this. */
  hedgeFloorMs: number;
  /** One chunk of one peer. */
  answerMsMax: number;
  /** How long a chunk waits for peers that give nothing now. */
  busyMsMax: number;
};
const limitsByDefault: PeerLimits = {
  failuresMax: 3,
  hedgeFirstMs: 2000,
  hedgeFloorMs: 50,
  answerMsMax: 60_000,
  busyMsMax: 30_000,
};

/**
 * The live files of healthy peers as a source: each chunk from the one that has the least to do, checked against the
 * tree, and from the next where it is not right. A peer that gives other bytes is not asked again. When an answer takes
 * longer than 95 of 100 did, another peer is asked beside it. Several chunks may be asked for at once.
 */
export function peerSource({
  tree,
  peers,
  clock,
  signal = new AbortController().signal,
  onDropped,
  limits = limitsByDefault,
}: {
  tree: Tree;
  peers: readonly TreePeer[];
  clock: Clock;
  signal?: AbortSignal | undefined;
  onDropped?: ((peer: string, reason: string) => void) | undefined;
  limits?: PeerLimits;
}): Source {
  const states = createPeerStates({ peers, clock, onDropped, ...limits });
  return {
    tree,
    async readChunk(file, chunk, buffer) {
      const digest = file.chunks[chunk];
      assert(digest !== undefined, "a chunk of the tree");
      const offset = chunk * treeChunkBytes;
      const length = Math.min(treeChunkBytes, file.size - offset);
      const wanted: Wanted = { file, offset, length, digest, buffer, signal };
      const untilMs = clock.monotonicMs() + limits.busyMsMax;
      for (;;) {
        signal.throwIfAborted();
        const state = states.pick();
        const bytes = state && (await askTwice(state, { states, wanted, clock, limits }));
        if (bytes) return bytes;
        const waitMs = states.waitMs();
        if (waitMs === undefined) throw missing(file, states.why());
        if (clock.monotonicMs() + waitMs > untilMs) throw missing(file, "no peer gives anything now");
        if (waitMs > 0) await clock.sleep(waitMs, signal);
      }
    },
  };
}

/** Beside a slow one another is asked, into a buffer of its own; who is late is left. */
async function askTwice(
  first: PeerState,
  { states, wanted, clock, limits }: { states: PeerStates; wanted: Wanted; clock: Clock; limits: PeerLimits },
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const ended = new AbortController();
  const over = new AbortController();
  const signal = AbortSignal.any([ended.signal, wanted.signal]);
  const patienceMs = Math.max(limits.hedgeFloorMs, states.p95() ?? limits.hedgeFirstMs);
  const answer = states.ask(first, { ...wanted, signal });
  answer.then(
    (bytes) => bytes ?? over.abort(),
    () => over.abort(),
  );
  const second = clock.sleep(patienceMs, AbortSignal.any([signal, over.signal])).then(() => {
    const other = signal.aborted || over.signal.aborted ? undefined : states.pick(first);
    return other && states.ask(other, { ...wanted, buffer: new Uint8Array(wanted.length), signal });
  });
  try {
    return await firstGood([answer, second]);
  } finally {
    ended.abort();
    // Whoever takes the buffer next must find nobody writing to it.
    await answer.catch(() => undefined);
  }
}

const missing = ({ path }: TreeFile, why: string): Fault =>
  new Fault("snapshot-missing", `${path} comes from no peer: ${why}`.slice(0, 500));

/** The first that is there; undefined when none is. */
function firstGood<T>(asked: readonly Promise<T | undefined>[]): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let waiting = asked.length;
    for (const one of asked)
      one.then((value) => {
        waiting -= 1;
        if (value !== undefined || waiting === 0) resolve(value);
      }, reject);
  });
}
