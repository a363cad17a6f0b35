import { createTap, type Tap } from "../tap.ts";
import type { TapDeps } from "../tap-deps.ts";
import type { TapEvent } from "../tap-event.ts";
import type { TargetChoice } from "../target.ts";
import { listen } from "./raw-upstream.ts";
import { testWire } from "./test-wire.ts";

export type StartedTap = {
  tap: Tap;
  port: number;
  url: string;
  events: TapEvent[];
  /** Outcomes as `target:outcome`, with `!` where it counts against the instance. */
  outcomes(): string[];
  choice: TargetChoice;
  close(): Promise<void>;
};

/** A listening tap whose targets the test may change at any time. Paths under /infer are idempotent inference. */
export async function startTap(choice: TargetChoice, deps: Partial<TapDeps> = {}): Promise<StartedTap> {
  const events: TapEvent[] = [];
  const started = { choice };
  const tap = createTap({
    clock: { monotonicMs: () => performance.now() },
    route: () => started.choice,
    classify: (method, path) =>
      path.startsWith("/infer")
        ? { kind: "infer", wire: testWire, model: "m", idempotent: true }
        : { kind: "other", idempotent: method === "GET" || method === "HEAD" },
    observe: (event) => events.push(event),
    ...deps,
  });
  const port = await listen(tap.server);
  return Object.assign(started, {
    tap,
    port,
    url: `http://127.0.0.1:${port}`,
    events,
    outcomes: () =>
      events.flatMap((it) =>
        it.kind === "outcome" ? [`${it.target}:${it.outcome}${it.counts ? "!" : ""}`] : [],
      ),
    close: () => tap.drain(0),
  });
}
