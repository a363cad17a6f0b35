import type { ExpectedOutput, Tolerance } from "@locum/contracts";
import type { GivenOutput, GoldenRefusal, NoiseBands, OutputSamples } from "./learn-golden.ts";
import { type FloatType, toleranceFloor } from "./tolerance-floor.ts";

/** What was seen to vary is taken four times: a few dozen answers do not show the largest difference there is. */
const spreadFactor = 4;

/**
 * Expected values and tolerance of one float output. The floor of the datatype is scaled as a whole until it covers
 * four times the largest distance of any answer from the expected value, so that small and large elements keep their
 * balance. What was given from outside is taken as expected, if all answers lie within its tolerance.
 */
export function learnFloats({
  datatype,
  samples,
  given,
  band,
}: {
  datatype: FloatType;
  samples: readonly OutputSamples[];
  given: GivenOutput | undefined;
  band?: NoiseBands[string] | undefined;
}): ExpectedOutput | GoldenRefusal {
  const medians = samples.map(({ tensors }) => medianOf(tensors.map(({ data }) => data)));
  const data = medianOf(samples.flatMap(({ tensors }) => tensors.map((tensor) => tensor.data)));
  const { floor, cap } = band ?? toleranceFloor(datatype, largest(data));
  const [{ name = "", shape = [] } = {}] = samples[0]?.tensors ?? [];
  const refuse = (code: GoldenRefusal["code"], who: string, { at, by }: Excess): GoldenRefusal => ({
    code,
    detail: `${who}: output ${name}, element ${at} differs by ${by.toPrecision(3)}`,
  });

  for (const [index, { instance, tensors }] of samples.entries()) {
    const own = spreadOf(tensors.map((tensor) => tensor.data));
    const unstable = firstBeyond(own, data, cap);
    if (unstable) return refuse("golden-unstable", instance, unstable);
    const apart = distances(medians[index] ?? [], medians[0] ?? []);
    const disagrees = firstBeyond(apart, data, agreement(floor, cap));
    if (disagrees) return refuse("golden-disagree", `${instance} and ${samples[0]?.instance}`, disagrees);
  }

  const answers = samples.flatMap(({ tensors }) => tensors.map((tensor) => tensor.data));
  const noise = stretched(floor, data, worst(answers.map((answer) => distances(answer, data))));
  if (!given) return { name, datatype, shape, data, tolerance: noise };
  const wanted = given.data.map(Number);
  const allowed = given.tolerance ?? noise;
  const off = worst(answers.map((answer) => distances(answer, wanted)));
  const beyond = firstBeyond(off, wanted, allowed);
  if (beyond) return refuse("golden-disagree", "what is expected", beyond);
  // An answer just inside must not fall out with the next breath of noise.
  const room = given.tolerance ?? { rel: noise.rel, abs: noise.abs + largest(off) };
  return { name, datatype, shape, data: wanted, tolerance: room };
}

type Pair = Pick<Tolerance, "abs" | "rel">;
type Excess = { at: number; by: number };

/** Two instances with the same bytes differ by their hardware's order of summing: ten floors, and never the cap. */
const agreement = (floor: Pair, cap: Pair): Pair => ({
  abs: Math.min(cap.abs, 10 * floor.abs),
  rel: Math.min(cap.rel, 10 * floor.rel),
});

function stretched(floor: Pair, data: readonly number[], distance: readonly number[]): Pair {
  let factor = 1;
  for (const [index, value] of data.entries()) {
    const covered = floor.abs + floor.rel * Math.abs(value);
    factor = Math.max(factor, (spreadFactor * (distance[index] ?? 0)) / covered);
  }
  return { abs: floor.abs * factor, rel: floor.rel * factor };
}

function firstBeyond(
  distance: readonly number[],
  around: readonly number[],
  limit: Pair,
): Excess | undefined {
  const at = distance.findIndex((by, index) => by > limit.abs + limit.rel * Math.abs(around[index] ?? 0));
  return at < 0 ? undefined : { at, by: distance[at] ?? 0 };
}

const distances = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): number[] =>
  Array.from({ length: b.length }, (_, index) => Math.abs(Number(a[index]) - Number(b[index])));

const worst = (lists: readonly number[][]): number[] =>
  lists.reduce((most, list) => list.map((value, index) => Math.max(value, most[index] ?? 0)), []);

const spreadOf = (answers: readonly ArrayLike<unknown>[]): number[] =>
  Array.from({ length: answers[0]?.length ?? 0 }, (_, index) => {
    const values = answers.map((answer) => Number(answer[index]));
    return Math.max(...values) - Math.min(...values);
  });

const medianOf = (answers: readonly ArrayLike<unknown>[]): number[] =>
  Array.from({ length: answers[0]?.length ?? 0 }, (_, index) => {
    const values = answers.map((answer) => Number(answer[index])).sort((a, b) => a - b);
    // The lower of two middles: a value that was really answered.
    return values[Math.floor((values.length - 1) / 2)] ?? 0;
  });

const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
