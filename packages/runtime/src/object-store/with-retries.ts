import { setTimeout as timeout } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import type { Clock } from "../clock.ts";
import { type Random, systemRandom } from "../random.ts";
import { retry } from "../retry.ts";
import { isWorthAnotherTry } from "./ask-store.ts";
import { type ListPage, listPages } from "./list-pages.ts";
import type { ObjectStore } from "./open-object-store.ts";

export type Bucket = Omit<ObjectStore, "get">;
/** What a protocol gives: requests, each tried once. */
export type BucketRequests = Omit<Bucket, "list"> & { page: ListPage };

/**
 * Five tries of each request, within eight seconds where a store refuses at once. A put whose answer was lost may have been
 * done, so where its next try finds something there, the bytes say whose it is.
 */
export function withRetries(
  requests: BucketRequests,
  {
    clock = awakeClock,
    random = systemRandom,
  }: { clock?: Pick<Clock, "sleep">; random?: Pick<Random, "next"> } = {},
): Bucket {
  const again = <T>(work: () => Promise<T>): Promise<T> =>
    retry(work, {
      ...{ clock, random, triesMax: 5, baseMs: 500, capMs: 8000 },
      isFinal: (error) => !isWorthAnotherTry(error),
    });
  return {
    async put(key, bytes) {
      let isUnsure = false;
      const ended = await again(async () => {
        try {
          return await requests.put(key, bytes);
        } catch (error) {
          isUnsure ||= !(error instanceof Fault && error.code === "conflict");
          throw error;
        }
      });
      if (ended === "stored" || !isUnsure) return ended;
      const found = await again(() => requests.range(key, 0, bytes.length + 1));
      return found?.equals(bytes) ? "stored" : "exists";
    },
    range: (key, start, length) => again(() => requests.range(key, start, length)),
    size: (key) => again(() => requests.size(key)),
    list: (prefix) => listPages((from, token) => again(() => requests.page(from, token)), prefix),
    remove: (key) => again(() => requests.remove(key)),
  };
}

/** Other than the system's clock it keeps the process alive: a command may have nothing else to wait for. */
const awakeClock: Pick<Clock, "sleep"> = { sleep: (ms) => timeout(ms) };
