import { seededRandom } from "../simulation/random.ts";

/** Which requests a mishap may strike; without one, any. */
export type RequestKind = "bulk" | "search" | "count" | "refresh" | "template" | "other";

/** Which items of a bulk request. `every: 3` are those at 2, 5, 8, …; `ids` is a regular expression. */
export type ItemChoice = { at: readonly number[] } | { every: number } | { ids: string } | { chance: number };

export type Mischief =
  /** Nothing is applied, and this is answered; the error's type is the family's own for 429 where none is named. */
  | { do: "answer"; status: number; type?: string; retryAfterS?: number; html?: boolean }
  | { do: "delay"; ms: number }
  /** The connection breaks: before anything was applied, after everything was, or within the answer's body. */
  | { do: "cut"; when: "before" | "after" | "within" }
  /** The items are refused one by one, and the others applied. */
  | { do: "items"; which: ItemChoice; status: number; type?: string }
  /** The items go to the failure store, and are answered 201. */
  | { do: "divert"; which: ItemChoice }
  /** All streams get a new write index, before or after the request is applied. */
  | { do: "rollover"; when: "before" | "after" }
  /** A block on all streams that stays until it is lifted by `none`. */
  | { do: "block"; block: Block }
  /** Everything is applied, and the answer is no true one. */
  | { do: "lie"; how: Lie }
  /** From now on every connection breaks for so long. */
  | { do: "outage"; ms: number };

export type Block = "none" | "write" | "flood";
export type Lie =
  | "fewer-items"
  | "more-items"
  | "reversed-items"
  | "no-items"
  | "html"
  | "half-json"
  | "empty";

/** What happens to which request. It counts the requests of its kind from when it was scripted. */
export type Mishap = {
  on?: RequestKind;
  /** How many pass before the first that is struck. */
  after?: number;
  /** How many are struck: one, where nothing is said. */
  times?: number | "always";
  /** Of those that could be struck, so many are. */
  chance?: number;
  /** In this order; what is told of a moment happens at it. */
  does: readonly Mischief[];
};

export type Script = {
  add(mishaps: readonly Mishap[]): void;
  /** What strikes this request. */
  strike(kind: RequestKind): Mischief[];
  chosen(which: ItemChoice, index: number, id: string): boolean;
  clear(): void;
};

export function openScript(mishaps: readonly Mishap[], { seed = 1 }: { seed?: number } = {}): Script {
  const random = seededRandom(seed);
  let pending: { mishap: Mishap; seen: number; struck: number }[] = [];
  const script: Script = {
    add(more) {
      pending.push(...more.map((mishap) => ({ mishap, seen: 0, struck: 0 })));
    },
    strike(kind) {
      const happening = pending.flatMap((entry) => {
        const { on, after = 0, times = 1, chance = 1, does } = entry.mishap;
        if (on !== undefined && on !== kind) return [];
        entry.seen += 1;
        if (entry.seen <= after || !random.chance(chance)) return [];
        if (times !== "always" && entry.struck >= times) return [];
        entry.struck += 1;
        return does;
      });
      pending = pending.filter(({ mishap: { times = 1 }, struck }) => times === "always" || struck < times);
      return happening;
    },
    chosen(which, index, id) {
      if ("at" in which) return which.at.includes(index);
      if ("every" in which) return index % which.every === which.every - 1;
      if ("ids" in which) return new RegExp(which.ids).test(id);
      return random.chance(which.chance);
    },
    clear() {
      pending = [];
    },
  };
  script.add(mishaps);
  return script;
}
