import type { Item } from "./batches-of.ts";
import type { CursorState } from "./cursor.ts";
import type { Letter, Letters } from "./letters.ts";
import type { Persist } from "./persist.ts";
import { isStale } from "./replay.ts";
import type { ShipClock } from "./ship-clock.ts";

const damagedMax = 10_000;

export type Keeper = {
  /** Puts a letter for each that has none. Goes on until the disk takes them. */
  keep(letters: readonly { item: Item; outcome: Letter["outcome"]; reason: string }[]): Promise<void>;
  /** Outcomes of the records that the cursor has not passed. */
  known: ReadonlyMap<number, Letter["outcome"]>;
  /** Forgets what the cursor passed. */
  forget(): void;
};

/**
 * Letters of records that the cursor has not passed are kept in mind, so that a record whose fate was decided before a
 * restart is not sent to another one.
 */
export async function createKeeper({
  letters,
  state,
  clock,
  persist,
}: {
  letters: Letters;
  state: CursorState;
  clock: ShipClock;
  persist: Persist;
}): Promise<Keeper> {
  const known = new Map<number, Letter["outcome"]>();
  const numbers = new Map<number, number>();
  for await (const letter of letters.read(Math.max(state.letters.open, state.letters.from))) {
    if (letter.seq < state.next || isStale(letter, state.letters.from)) continue;
    known.set(letter.seq, letter.outcome);
    numbers.set(letter.seq, letter.number);
  }
  return {
    known,
    async keep(wanted) {
      const fresh = wanted.filter(({ item }) => !known.has(item.seq));
      if (fresh.length === 0) return;
      const at = new Date(clock.wallMs()).toISOString();
      const first = await persist(() =>
        letters.put(
          fresh.map(({ item: { seq, line, document }, outcome, reason }) => ({
            seq,
            outcome,
            reason,
            at,
            was: null,
            // A damaged line may have any length, and nothing can be made of it.
            line: document ? line : line.slice(0, damagedMax),
          })),
        ),
      );
      for (const [index, { item, outcome }] of fresh.entries()) {
        if (item.seq < state.next) continue;
        known.set(item.seq, outcome);
        numbers.set(item.seq, first + index);
      }
    },
    forget() {
      if (known.size === 0) {
        state.letters.open = letters.end();
        return;
      }
      for (const seq of known.keys())
        if (seq < state.next) {
          known.delete(seq);
          numbers.delete(seq);
        }
      state.letters.open = Math.min(letters.end(), ...numbers.values());
    },
  };
}
