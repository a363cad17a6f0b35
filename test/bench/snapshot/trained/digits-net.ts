import { readFile } from "node:fs/promises";
import { numbers } from "../numbers.ts";
import { createArena, type Floats } from "./arena.ts";
import { compileKernels } from "./compile-kernels.ts";
import type { Tensors } from "./language-model.ts";
import { createStack } from "./stack.ts";
import { surprise } from "./surprise.ts";

export type Digit = { pixels: Float32Array; label: number };
export type DigitsNet = {
  tensors: Tensors;
  /** One pass over all images, in an order of the seed. */
  learn(digits: readonly Digit[], rate: number): void;
  /** Share of digits read right. */
  accuracy(digits: readonly Digit[]): number;
};

/** A dense perceptron of images of 64 pixels, every weight of which each image moves. */
export async function createDigitsNet(hidden: number, seed: number): Promise<DigitsNet> {
  const random = numbers(seed);
  const widths = [64, hidden, hidden, 10];
  const arena = createArena(64 * hidden + hidden * hidden + 64 * hidden + 4096);
  const deps = { arena, kernels: await compileKernels(arena.memory) };
  const layers = widths.slice(1).map((rows, n) => {
    const columns = widths[n] ?? 0;
    return {
      stack: createStack(deps, { rows, columns, scale: Math.sqrt(2 / columns), random }),
      input: arena.take(columns),
      toInput: arena.take(columns),
    };
  });
  const [scores, delta] = [arena.take(10), arena.take(10)];

  function guess({ pixels, label }: Digit): number {
    layers[0]?.input.floats.set(pixels);
    for (const [n, { stack, input }] of layers.entries()) {
      const next = layers[n + 1]?.input;
      stack.forward(0, input, next ?? scores);
      if (next) for (let i = 0; i < hidden; i++) next.floats[i] = Math.max(0, next.floats[i] ?? 0);
    }
    return surprise(scores.floats, delta.floats, label);
  }

  function step(digit: Digit, rate: number): void {
    guess(digit);
    let blame: Floats = delta;
    for (const { stack, input, toInput } of layers.toReversed()) {
      stack.backward(0, blame, toInput);
      stack.learn(0, blame, input, rate);
      for (const [i, value] of input.floats.entries()) if (value === 0) toInput.floats[i] = 0;
      blame = toInput;
    }
  }

  return {
    tensors: Object.fromEntries(layers.map(({ stack }, n) => [`layers.${n}.weight`, stack])),
    learn(digits, rate) {
      const order = digits.map((digit) => ({ digit, at: random() })).sort((a, b) => a.at - b.at);
      for (const { digit } of order) step(digit, rate);
    },
    accuracy: (digits) =>
      digits.filter((digit) => {
        guess(digit);
        return scores.floats.indexOf(Math.max(...scores.floats)) === digit.label;
      }).length / digits.length,
  };
}

/** The images of the fixtures, pixels from 0 to 1. */
export async function readDigits(): Promise<Digit[]> {
  const file = new URL("../../../fixtures/digits/test-set.json", import.meta.url);
  const { images } = JSON.parse(await readFile(file, "utf8")) as {
    images: { label: number; image: number[] }[];
  };
  return images.map(({ label, image }) => ({
    label,
    pixels: Float32Array.from(image, (value) => value / 16),
  }));
}

/** One pixel to the right: the same digits, written a little elsewhere. */
export const shifted = ({ pixels, label }: Digit): Digit => ({
  label,
  pixels: Float32Array.from(pixels, (_, i) => (i % 8 === 0 ? 0 : (pixels[i - 1] ?? 0))),
});
