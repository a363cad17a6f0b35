import { Fault, type ShippingView } from "@locum/contracts";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import type { Passage } from "./gate.ts";
import type { Problems } from "./problems.ts";

/** Runs a request of the reader's through the gate, and again until it is answered. Null without a reader. */
export type Ask = <T>(work: (reader: Elasticsearch) => Promise<T>) => Promise<T | null>;

export function createAsk({
  reader,
  enter,
  leave,
  problems,
  signal,
}: {
  reader: Elasticsearch | undefined;
  enter: () => Promise<void>;
  leave: (passage: Passage, state: ShippingView["elasticsearch"]) => void;
  problems: Problems;
  signal: AbortSignal;
}): Ask {
  return async (work) => {
    if (!reader) {
      problems.set("reader", "es-no-reader", withoutReader);
      return null;
    }
    for (;;) {
      await enter();
      try {
        const result = await work(reader);
        problems.clear("reader");
        leave("good", "reachable");
        return result;
      } catch (error) {
        const isRefused = error instanceof Fault && error.code === "upstream-refused";
        leave(isRefused ? "operator" : "away", isRefused ? "refusing" : "unreachable");
        if (!(error instanceof Fault)) throw error;
        signal.throwIfAborted();
        const detail = error.message.slice(0, 500);
        if (isRefused) problems.set("reader", "es-reader-refused", detail);
        else problems.set("server", "es-unreachable", detail);
      }
    }
  };
}

const withoutReader =
  "documents that are there already are not compared, nor are the counts: give a read key (readApiKeyFile)";
