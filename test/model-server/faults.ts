import { Refusal } from "./refusal.ts";
import type { NamedTensor } from "./tensor-codec.ts";

const kinds = ["none", "nan", "hang", "slow", "garbage", "constant", "error-rate", "drop-mid-body"] as const;
export type FaultKind = (typeof kinds)[number];

/**
 * `model`: only inferences of this one; of all if absent. `count`: that many inferences, then none. `untilReload`: a load of any model ends it, as it would cure memory that
 * went bad. `ms` belongs to slow, `ratio` (0..1) to error-rate.
 */
export type FaultOrder = {
  kind: FaultKind;
  model?: string;
  count?: number;
  untilReload?: boolean;
  ms?: number;
  ratio?: number;
};

export type Faults = {
  order(order: FaultOrder): void;
  /** The order in force, how many inferences it still has, and how many inferences met each kind since the start. */
  state(): { order: FaultOrder; remaining: number | null; handled: Record<FaultKind, number> };
  /** Takes the fault of one inference of this model. */
  next(model: string): FaultOrder;
  /** Before the model is asked: waits, fails, or stays until the client has gone. */
  before(order: FaultOrder, clientGone: Promise<void>): Promise<void>;
  /** What the answer becomes. */
  after(order: FaultOrder, outputs: NamedTensor[]): NamedTensor[];
  reloaded(): void;
  close(): void;
};

export function openFaults({ random }: { random: () => number }): Faults {
  const handled = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  const timers = new Set<NodeJS.Timeout>();
  let order: FaultOrder = { kind: "none" };
  let remaining = Number.POSITIVE_INFINITY;
  let first: NamedTensor[] | undefined;

  const set = (next: FaultOrder) => {
    order = next;
    remaining = next.count ?? Number.POSITIVE_INFINITY;
    first = undefined;
  };
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });

  return {
    order: (next) => set(checked(next)),
    state: () => ({
      order,
      remaining: Number.isFinite(remaining) ? remaining : null,
      handled: { ...handled },
    }),
    next(model) {
      if (order.model !== undefined && order.model !== model) return { kind: "none" };
      const now = order;
      handled[now.kind]++;
      if (--remaining <= 0) set({ kind: "none" });
      return now;
    },
    async before({ kind, ms = 0, ratio = 0 }, clientGone) {
      if (kind === "hang")
        await clientGone.then(() => Promise.reject(new Refusal(500, "ordered fault: hang")));
      if (kind === "slow") await pause(ms);
      if (kind === "error-rate" && random() < ratio) throw new Refusal(500, "ordered fault: error-rate");
    },
    after({ kind }, outputs) {
      if (kind === "nan") return outputs.map(withNaN);
      if (kind === "garbage") return outputs.map(rotated);
      if (kind !== "constant") return outputs;
      first ??= outputs;
      return first;
    },
    reloaded() {
      if (order.untilReload) set({ kind: "none" });
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Every number of a floating-point output becomes NaN; integers stay, as a model's ArgMax over NaN stays a number. */
function withNaN(tensor: NamedTensor): NamedTensor {
  return isFloatTensor(tensor) ? { ...tensor, data: tensor.data.map(() => Number.NaN) } : tensor;
}

/** Wrong and plausible: probabilities move on by one class and still sum to one, integers are the next one. */
function rotated(tensor: NamedTensor): NamedTensor {
  if (isFloatTensor(tensor)) {
    const { data } = tensor;
    return { ...tensor, data: data.map((_value, i) => data[(i + 1) % data.length] ?? 0) };
  }
  if (tensor.data instanceof BigInt64Array)
    return { ...tensor, data: tensor.data.map((value) => (value + 1n) % 10n) };
  return tensor;
}

function isFloatTensor(tensor: NamedTensor): tensor is NamedTensor & { data: Float32Array | Float64Array } {
  return tensor.data instanceof Float32Array || tensor.data instanceof Float64Array;
}

function checked(order: FaultOrder): FaultOrder {
  if (!kinds.includes(order?.kind)) throw new Refusal(400, `unknown fault; there are: ${kinds.join(", ")}`);
  const { count, ms, ratio } = order;
  if (count !== undefined && !(Number.isInteger(count) && count > 0))
    throw new Refusal(400, "count is a whole number from 1");
  if (ms !== undefined && !(ms >= 0 && ms <= 3_600_000)) throw new Refusal(400, "ms is 0 to 3600000");
  if (ratio !== undefined && !(ratio >= 0 && ratio <= 1)) throw new Refusal(400, "ratio is 0 to 1");
  return order;
}
