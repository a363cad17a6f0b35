import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import { backoffMs } from "../retry.ts";
import type { Kubernetes, Selectors } from "./client.ts";
import type { KubeObject, Place, Resource } from "./resource.ts";
import type { WatchEvent, WatchOptions } from "./watch.ts";

export type Change =
  /** Everything there is now: what is not in it is gone. First, and again after whatever may have been missed. */
  | { kind: "all"; items: KubeObject[] }
  | { kind: "put"; object: KubeObject }
  | { kind: "gone"; object: KubeObject };

/**
 * A list and then its changes, for as long as the signal lasts: resumes a watch that broke off from where it was, lists
 * again where that is compacted away, and waits longer with each failure that follows another. Never throws; ends when
 * the signal aborts. What goes wrong is told to `onTrouble`, once for each failure.
 */
export async function* follow(
  kubernetes: Pick<Kubernetes, "list" | "watch">,
  resource: Resource,
  {
    place = {},
    labelSelector,
    fieldSelector,
    signal,
    clock,
    random,
    onTrouble = () => undefined,
    watchSeconds = 240,
  }: {
    place?: Place;
    signal: AbortSignal;
    clock: Pick<Clock, "sleep" | "monotonicMs">;
    random: Pick<Random, "next">;
    onTrouble?: (error: unknown) => void;
    watchSeconds?: number;
  } & Selectors,
): AsyncGenerator<Change> {
  const selectors = { labelSelector, fieldSelector };
  let failures = 0;
  let version: string | null = null;
  while (!signal.aborted) {
    const beganMs = clock.monotonicMs();
    try {
      if (version === null) {
        const list = await kubernetes.list(resource, place, { ...selectors, signal });
        version = list.resourceVersion;
        yield { kind: "all", items: list.items };
      }
      const options: WatchOptions = { ...selectors, resourceVersion: version, seconds: watchSeconds, signal };
      const events: AsyncIterable<WatchEvent> = kubernetes.watch(resource, place, options);
      for await (const event of events) {
        if (event.kind === "expired") {
          version = null;
          break;
        }
        if (event.kind === "bookmark") {
          version = event.resourceVersion || version;
          continue;
        }
        failures = 0;
        version = event.object.metadata.resourceVersion ?? version;
        yield { kind: event.kind === "deleted" ? "gone" : "put", object: event.object };
      }
      // A watch that ends early without an event is a failure in all but name: a proxy that buffers, say.
      failures = clock.monotonicMs() - beganMs < quickMs ? failures + 1 : 0;
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      onTrouble(error);
    }
    if (failures > 0 && !signal.aborted)
      await clock.sleep(backoffMs(failures - 1, random, { baseMs: 250 }), signal);
  }
}

const quickMs = 1000;
