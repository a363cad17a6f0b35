import { numbers } from "../numbers.ts";
import { createAdapter } from "./adapter.ts";
import { createArena } from "./arena.ts";
import { compileKernels } from "./compile-kernels.ts";
import { createStack } from "./stack.ts";
import { surprise } from "./surprise.ts";

/** `rows` of each hashed table, `width` of what runs through, `hidden` of each expert, `rank` of an adapter. */
export type ModelShape = { rows: number; width: number; hidden: number; rank: number };
export type Tensors = Record<string, { shape: number[]; floats: Float32Array }>;

export type LanguageModel = {
  tensors: Tensors;
  /** One pass; every symbol once, in order. */
  learn(text: Uint8Array, rate: number): void;
  /** One pass over low-rank matrices beside each expert's two layers; all else stands still. */
  learnAdapter(text: Uint8Array, rate: number): void;
  /** Adds what they learned to the layers that they stand beside. */
  mergeAdapter(): void;
  /** Mean surprise at a symbol, in bits: what a compressor that asks this model would need. */
  bitsPerSymbol(text: Uint8Array): number;
};

export const symbolCount = 100;
const orders = 6;

/**
 * A language model of characters: the last one to six of them look up rows, whose sum goes through an expert that the
 * last one picks, and the result guesses the next. Each symbol touches a thousandth of the weights, which is why tens of
 * megabytes of them learn in seconds on one core. The same seed and text give the same bits.
 */
export async function createLanguageModel(
  { rows, width, hidden, rank }: ModelShape,
  seed: number,
): Promise<LanguageModel> {
  const tableRows = [symbolCount, symbolCount ** 2, ...Array<number>(orders - 2).fill(rows)];
  const perSymbol = (2 * width + 2) * hidden + (width + hidden) * (2 * rank + 3) + 2 * width + 2 * rank;
  const floats = tableRows.reduce((sum, each) => sum + each * (width + 1), 0) + symbolCount * perSymbol;
  const arena = createArena(floats + 4096);
  const deps = { arena, kernels: await compileKernels(arena.memory) };
  const random = numbers(seed);
  const experts = { count: symbolCount, random };
  const tables = tableRows.map((count) =>
    createStack(deps, { count, rows: 1, columns: width, scale: 0.1, random }),
  );
  const up = createStack(deps, { ...experts, rows: hidden, columns: width, scale: Math.sqrt(2 / width) });
  const down = createStack(deps, {
    ...experts,
    rows: width,
    columns: hidden,
    scale: 0.3 / Math.sqrt(hidden),
  });
  const out = createStack(deps, { rows: symbolCount, columns: width, scale: 1 / Math.sqrt(width), random });
  const beside = {
    up: createAdapter(deps, up, { rank, random }),
    down: createAdapter(deps, down, { rank, random }),
  };
  const work = {
    input: arena.take(width),
    state: arena.take(width),
    unit: arena.take(hidden),
    scores: arena.take(symbolCount),
    delta: arena.take(symbolCount),
    toState: arena.take(width),
    toUnit: arena.take(hidden),
    toInput: arena.take(width),
  };
  const { input, state, unit, delta, toState, toUnit, toInput } = work;
  const picked = new Int32Array(orders);

  /** Rows of the context that ends before `at`; gives the expert. */
  function pick(text: Uint8Array, at: number): number {
    let hash = 0;
    for (let n = 0; n < orders; n++) {
      const symbol = text[at - 1 - n] ?? 0;
      hash =
        n < 2
          ? hash * symbolCount + symbol
          : (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + Math.imul(symbol + 1, 0x9e3779b1)) >>> 0;
      picked[n] = hash % (tableRows[n] ?? 1);
    }
    return text[at - 1] ?? 0;
  }

  /** The surprise at `next` in nats; what the scores are to blame for stays in `delta`. */
  function guess(expert: number, next: number, withAdapter: boolean): number {
    input.floats.fill(0);
    for (const [n, table] of tables.entries()) table.addTo(picked[n] ?? 0, input);
    up.forward(expert, input, unit);
    if (withAdapter) beside.up.addTo(expert, input, unit);
    for (let i = 0; i < hidden; i++) if ((unit.floats[i] ?? 0) < 0) unit.floats[i] = 0;
    down.forward(expert, unit, state);
    if (withAdapter) beside.down.addTo(expert, unit, state);
    deps.kernels.add(state.at, input.at, 1, width);
    out.forward(0, state, work.scores);
    return surprise(work.scores.floats, delta.floats, next);
  }

  /** What the expert's output and its hidden units are to blame for, into `toState` and `toUnit`. */
  function blame(expert: number, withAdapter: boolean): void {
    out.backward(0, delta, toState);
    down.backward(expert, toState, toUnit);
    if (withAdapter) beside.down.addBlame(expert, toState, toUnit);
    for (let i = 0; i < hidden; i++) if (unit.floats[i] === 0) toUnit.floats[i] = 0;
  }

  return {
    tensors: {
      ...Object.fromEntries(
        tables.map(({ floats }, n) => [
          `ngrams.${n + 1}.weight`,
          { floats, shape: [tableRows[n] ?? 0, width] },
        ]),
      ),
      "experts.up.weight": up,
      "experts.down.weight": down,
      "out.weight": out,
    },
    learn(text, rate) {
      for (let at = 0; at < text.length; at++) {
        const expert = pick(text, at);
        guess(expert, text[at] ?? 0, false);
        blame(expert, false);
        up.backward(expert, toUnit, toInput);
        deps.kernels.add(toInput.at, toState.at, 1, width);
        out.learn(0, delta, state, rate);
        down.learn(expert, toState, unit, rate);
        up.learn(expert, toUnit, input, rate);
        for (const [n, table] of tables.entries()) table.learnRow(picked[n] ?? 0, toInput, rate);
      }
    },
    learnAdapter(text, rate) {
      for (let at = 0; at < text.length; at++) {
        const expert = pick(text, at);
        guess(expert, text[at] ?? 0, true);
        blame(expert, true);
        beside.down.learn(expert, toState, unit, rate);
        beside.up.learn(expert, toUnit, input, rate);
      }
    },
    mergeAdapter() {
      beside.up.merge();
      beside.down.merge();
    },
    bitsPerSymbol(text) {
      let nats = 0;
      for (let at = 0; at < text.length; at++) nats += guess(pick(text, at), text[at] ?? 0, false);
      return nats / text.length / Math.LN2;
    },
  };
}
