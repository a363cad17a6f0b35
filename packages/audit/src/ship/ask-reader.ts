import { Fault } from "@locum/contracts";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import type { Passage } from "./gate.ts";
import type { Problems } from "./problems.ts";
import type { ShipClock } from "./ship-clock.ts";

/** Runs a request of the reader's through the gate, and again until it is answered. Null without a reader. */
export type Ask = <T>(work: (reader: Elasticsearch) => Promise<T>) => Promise<T | null>;

export function createAsk({
  reader,
  enter,
  leave,
  problems,
  clock,
  random,
  signal,
}: {
  reader: Elasticsearch | undefined;
  enter: () => Promise<void>;
  leave: (passage: Passage) => void;
  problems: Problems;
  clock: ShipClock;
  random: { next(): number };
  signal: AbortSignal;
}): Ask {
  return async (work) => {
    if (!reader) {
      problems.set("reader", "es-no-reader", withoutReader);
      return null;
    }
    for (let refusals = 0; ; ) {
      await enter();
      try {
        const result = await work(reader);
        problems.clear("reader");
        leave("good");
        return result;
      } catch (error) {
        const isRefused = error instanceof Fault && error.code === "upstream-refused";
        // That reading is refused says nothing of writing, which goes on.
        leave(isRefused ? "aside" : "away");
        if (!(error instanceof Fault)) throw error;
        signal.throwIfAborted();
        const detail = error.message.slice(0, 500);
        if (!isRefused) problems.set("server", "es-unreachable", detail);
        else {
          problems.set("reader", "es-reader-refused", detail);
          await clock.sleep(random.next() * Math.min(30_000, 5000 * 2 ** Math.min(refusals, 10)), signal);
          refusals += 1;
          signal.throwIfAborted();
        }
      }
    }
  };
}

const withoutReader =
  "documents that are there already are not compared, nor are the counts: give a read key (readApiKeyFile)";
