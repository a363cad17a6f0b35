import type { decide as Decide, Durable, Effect, Input, Order, ServiceState } from "@locum/coordination";
import type { Clock, Log } from "@locum/runtime";
import type { InputLog } from "./adapters/input-log.ts";
import { startTicks } from "./start-ticks.ts";
import { createWaitingOrders } from "./waiting-orders.ts";

/** Reports beyond this many waiting inputs are dropped: the next one says the same, later. */
const reportsWaitingMax = 1000;
/** Between batches of this many inputs the sockets are read. */
const batchMax = 64;

/** An input before it has its time. */
export type Timeless<T = Input> = T extends Input ? Omit<T, "atMs" | "wallMs"> : never;

export type Driver = {
  state(): ServiceState;
  /** Takes note with the time of now; it is decided on in its turn. */
  put(input: Timeless): void;
  /**
   * Puts an order and waits until what it changes is stored.
   * @throws Fault not-leader | storage-failed
   */
  order(order: Order, isStored: (durable: Durable) => boolean): Promise<Durable>;
  /** Resolves when everything put so far is decided on. */
  settled(): Promise<void>;
  stop(): Promise<void>;
  counts: { inputs: number; dropped: number; stalledMs: number };
};

type Options = {
  decide: typeof Decide;
  start: ServiceState;
  clock: Clock;
  inputLog: InputLog;
  /** Performs effects in their order. What comes of them is put back as inputs. */
  perform: (effects: readonly Effect[]) => void;
  /** Silent and all sidecars of the whole collector: one service alone cannot see that its observer is ill. */
  fleet: () => { silent: number; size: number };
  leadUntilMs: () => number;
  say: Log;
  /** A broken invariant: the process must not go on. */
  onBroken: (error: unknown) => void;
  onDecided?: (before: ServiceState, after: ServiceState) => void;
  tickMs?: number;
  storedMsMax?: number;
};

/**
 * Drives one service: takes one input after the other at its own pace, logs it, decides, performs. Event handlers
 * only put; nothing outside this loop ever changes the state.
 */
export function createDriver({ tickMs = 100, storedMsMax = 5000, ...options }: Options): Driver {
  const { decide, clock, inputLog, perform, say } = options;
  let state = options.start;
  let queue: Input[] = [];
  let running: Promise<void> | null = null;
  let stopped = false;
  const counts = { inputs: 0, dropped: 0, stalledMs: 0 };
  const orders = createWaitingOrders({
    clock,
    waitMsMax: storedMsMax,
    isObserveOnly: () => state.observeOnly,
  });

  const step = (input: Input): void => {
    const before = state;
    // Logged first: an input that breaks an invariant is the one that must be there for the replay.
    inputLog.append(input, before);
    const decision = decide(before, input);
    state = decision.state;
    inputLog.decided(decision.effects);
    counts.inputs += 1;
    perform(decision.effects);
    options.onDecided?.(before, state);
    if (input.kind === "stored" && input.ok && before.storing) orders.stored(before.storing);
    else if (input.kind === "order" && !state.storing) orders.stored(state.durable);
  };
  const run = async (): Promise<void> => {
    while (queue.length > 0 && !stopped) {
      try {
        for (const input of queue.splice(0, batchMax)) step(input);
      } catch (error) {
        stopped = true;
        say("error", "a decision broke an invariant", { error });
        // The inputs that led here are worth a moment, and no more than that.
        await Promise.race([inputLog.close(), clock.sleep(1000)]);
        return options.onBroken(error);
      }
      await new Promise(setImmediate);
    }
  };
  const put = (timeless: Timeless): void => {
    if (stopped) return;
    if (timeless.kind === "report" && queue.length >= reportsWaitingMax) {
      counts.dropped += 1;
      return;
    }
    queue.push({ ...timeless, atMs: clock.monotonicMs(), wallMs: clock.wallMs() } as Input);
    running ??= Promise.resolve()
      .then(run)
      .finally(() => {
        running = null;
      });
  };
  const stopTicks = startTicks(clock, tickMs, (stalledMs) => {
    counts.stalledMs += stalledMs;
    const { silent, size } = options.fleet();
    put({
      kind: "tick",
      stalledMs,
      fleetSilent: silent,
      fleetSize: size,
      leadUntilMs: options.leadUntilMs(),
    });
  });

  return {
    state: () => state,
    put,
    counts,
    order(order, isStored) {
      const stored = orders.wait(isStored);
      put({ kind: "order", order });
      return stored;
    },
    async settled() {
      while (running) await running;
    },
    async stop() {
      stopped = true;
      stopTicks();
      queue = [];
      await running;
    },
  };
}
