import type { ExpectedOutput, Tensor, Tolerance } from "@locum/contracts";

export type GoldenMatch = { pass: boolean; finite: boolean; deltaMax: number; detail: string };

const floating = new Set(["FP16", "BF16", "FP32", "FP64"]);

/**
 * Compares a whole answer with what a golden expects: names, datatypes, shapes and every element, because one flipped
 * exponent bit in one weight may move a few outputs by 0.01 and never the top class. NaN and Inf never pass.
 * `deltaMax` is the largest |got - expected| over all numeric outputs. Outputs that no golden names are ignored.
 */
export function matchGolden(outputs: readonly Tensor[], expected: readonly ExpectedOutput[]): GoldenMatch {
  const match: GoldenMatch = { pass: true, finite: true, deltaMax: 0, detail: "" };
  for (const output of expected) {
    const got = outputs.find(({ name }) => name === output.name);
    const compared = got
      ? compareOutput(got, output)
      : { finite: true, deltaMax: 0, detail: `output ${output.name} is missing` };
    match.finite &&= compared.finite;
    match.deltaMax = Math.max(match.deltaMax, compared.deltaMax);
    if (compared.detail === "") continue;
    match.pass = false;
    match.detail ||= compared.detail;
  }
  return match;
}

type Compared = { finite: boolean; deltaMax: number; detail: string };

function compareOutput(got: Tensor, expected: ExpectedOutput): Compared {
  const differs = (detail: string): Compared => ({
    finite: true,
    deltaMax: 0,
    detail: `output ${expected.name}: ${detail}`,
  });
  if (got.datatype !== expected.datatype) return differs(`${got.datatype} instead of ${expected.datatype}`);
  if (
    got.shape.length !== expected.shape.length ||
    got.shape.some((size, axis) => size !== expected.shape[axis])
  )
    return differs(`shape [${got.shape}] instead of [${expected.shape}]`);
  if (got.data.length !== expected.data.length)
    return differs(`${got.data.length} elements instead of ${expected.data.length}`);
  return floating.has(expected.datatype) ? compareFloats(got, expected) : compareExact(got, expected);
}

function compareExact(got: Tensor, { name, data }: ExpectedOutput): Compared {
  const at = data.findIndex((value, index) => got.data[index] !== value);
  if (at < 0) return { finite: true, deltaMax: 0, detail: "" };
  const [is, wanted] = [got.data[at], data[at]];
  const deltaMax = typeof is === "number" && typeof wanted === "number" ? Math.abs(is - wanted) : 1;
  return { finite: true, deltaMax, detail: `output ${name}: element ${at} differs` };
}

function compareFloats(got: Tensor, { name, data, tolerance }: ExpectedOutput): Compared {
  let finite = true;
  let deltaMax = 0;
  let worst = -1;
  for (let index = 0; index < data.length; index++) {
    const [is, wanted] = [Number(got.data[index]), Number(data[index])];
    if (!Number.isFinite(is)) {
      finite = false;
      worst = index;
      continue;
    }
    const delta = Math.abs(is - wanted);
    if (delta > deltaMax) deltaMax = delta;
    if (delta > tolerance.abs + tolerance.rel * Math.abs(wanted) && worst < 0) worst = index;
  }
  if (!finite) return { finite, deltaMax, detail: `output ${name}: element ${worst} is not finite` };
  if (worst >= 0)
    return {
      finite,
      deltaMax,
      detail: `output ${name}: element ${worst} is off, largest difference ${deltaMax.toPrecision(3)}`,
    };
  return { finite, deltaMax, detail: looseChecks(got, data, tolerance, name) };
}

/** What a caller asked for in addition: direction of the whole output, and the places of its largest elements. */
function looseChecks(
  got: Tensor,
  data: ExpectedOutput["data"],
  { cosineMin, topK }: Tolerance,
  name: string,
): string {
  const expected = data.map(Number);
  const is = expected.map((_, index) => Number(got.data[index]));
  if (cosineMin !== undefined) {
    const cosine = cosineOf(is, expected);
    if (!(cosine >= cosineMin)) return `output ${name}: cosine ${cosine.toPrecision(4)} below ${cosineMin}`;
  }
  if (topK !== undefined) {
    const [a, b] = [largest(is, topK), largest(expected, topK)];
    if (a.some((place, rank) => place !== b[rank]))
      return `output ${name}: the ${topK} largest sit elsewhere`;
  }
  return "";
}

function cosineOf(a: readonly number[], b: readonly number[]): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index] ?? 0, b[index] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  // Two zero vectors point nowhere alike; one alone points nowhere.
  if (aa === 0 || bb === 0) return aa === bb ? 1 : 0;
  return dot / Math.sqrt(aa * bb);
}

function largest(values: readonly number[], k: number): number[] {
  return values
    .map((_, index) => index)
    .sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
    .slice(0, k);
}
