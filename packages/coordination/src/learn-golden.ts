import type { ExpectedOutput, Golden, Tensor, Tolerance } from "@locum/contracts";
import { matchGolden } from "./golden-match.ts";
import { learnFloats } from "./learn-floats.ts";
import { isFloatType } from "./tolerance-floor.ts";

/** What one instance answered to one input, once for each time that it was asked. */
export type InstanceSamples = { instance: string; answers: readonly (readonly Tensor[])[] };

/** An output that is known from outside; its own tolerance replaces the learned one. */
export type GivenOutput = Omit<ExpectedOutput, "tolerance"> & { tolerance?: ExpectedOutput["tolerance"] };

/**
 * Noise of outputs that is of another kind than rounding: never held closer than `floor`, refused beyond `cap`. By the
 * name of the output.
 */
export type NoiseBands = Record<string, Record<"floor" | "cap", Pick<Tolerance, "abs" | "rel">>>;

export type GoldenRefusal = {
  code: "golden-disagree" | "golden-unstable" | "golden-not-finite";
  detail: string;
};

/**
 * Makes a golden of what the instances answered: expected is the median, tolerance comes from what was seen to vary,
 * never below the floor of the datatype. Refuses what could prove nothing: an instance that answers one input in
 * several ways, instances that differ, values that are not finite, answers that differ from what was `given`.
 */
export function learnGolden({
  id,
  model,
  request,
  samples,
  given = [],
  bands = {},
}: {
  id: string;
  model: string;
  request: Golden["request"];
  samples: readonly InstanceSamples[];
  given?: readonly GivenOutput[];
  bands?: NoiseBands;
}): { golden: Golden } | { refusal: GoldenRefusal } {
  const [reference] = samples[0]?.answers ?? [];
  if (!reference || samples.some(({ answers }) => answers.length === 0))
    return refuse("golden-unstable", "an instance gave no answer");
  const missing = given.find(({ name }) => !reference.some((output) => output.name === name));
  if (missing)
    return refuse("golden-disagree", `no answer holds the output ${missing.name} that is expected`);
  if (reference.length === 0) return refuse("golden-unstable", "the answer holds no outputs");

  const refusal = notFinite(samples) ?? otherForm(reference, samples);
  if (refusal) return { refusal };
  const expected: ExpectedOutput[] = [];
  for (const { name } of reference) {
    const learned = learnOutput(
      samples.map(({ instance, answers }) => ({
        instance,
        tensors: answers.flatMap((outputs) => outputs.find((output) => output.name === name) ?? []),
      })),
      { given: given.find((output) => output.name === name), band: bands[name] },
    );
    if ("code" in learned) return { refusal: learned };
    expected.push(learned);
  }
  // What was seen must pass what was learned from it: cosine and places of the largest come from outside, unlearned.
  for (const { instance, answers } of samples)
    for (const answer of answers) {
      const { pass, detail } = matchGolden(answer, expected);
      if (!pass) return refuse("golden-disagree", `${instance}: ${detail}`);
    }
  return { golden: { id, model, request, expected } };
}

export type OutputSamples = { instance: string; tensors: readonly Tensor[] };

function learnOutput(
  samples: readonly OutputSamples[],
  { given, band }: { given: GivenOutput | undefined; band: NoiseBands[string] | undefined },
): ExpectedOutput | GoldenRefusal {
  const [first] = samples[0]?.tensors ?? [];
  if (!first) return { code: "golden-unstable", detail: "an output is missing from some answers" };
  const differs = given && formDiffers(first, given);
  if (differs) return { code: "golden-disagree", detail: `output ${first.name}: ${differs} as expected` };
  if (isFloatType(first.datatype)) return learnFloats({ datatype: first.datatype, samples, given, band });
  return learnExact(first, samples, given);
}

/** Integers, text and truth values have no noise. */
function learnExact(
  first: Tensor,
  samples: readonly OutputSamples[],
  given: GivenOutput | undefined,
): ExpectedOutput | GoldenRefusal {
  const { name, datatype, shape } = first;
  const data = Array.from(first.data);
  const at = (tensor: { data: ArrayLike<unknown> }, from: ArrayLike<unknown>): number =>
    data.findIndex((_, index) => tensor.data[index] !== from[index]);
  for (const { instance, tensors } of samples) {
    const [own] = tensors;
    const moved = own ? tensors.map((tensor) => at(tensor, own.data)).find((index) => index >= 0) : 0;
    if (moved !== undefined)
      return { code: "golden-unstable", detail: `${instance}: output ${name}, element ${moved} changes` };
    const apart = own ? at(own, data) : 0;
    if (apart >= 0)
      return {
        code: "golden-disagree",
        detail: `${instance} and ${samples[0]?.instance}: output ${name}, element ${apart} differs`,
      };
  }
  const wrong = given ? at(given, data) : -1;
  if (wrong >= 0)
    return { code: "golden-disagree", detail: `output ${name}, element ${wrong} is not what is expected` };
  return { name, datatype, shape, data, tolerance: { abs: 0, rel: 0 } };
}

function notFinite(samples: readonly InstanceSamples[]): GoldenRefusal | undefined {
  for (const { instance, answers } of samples)
    for (const { name, data } of answers.flat()) {
      const index = Array.prototype.findIndex.call(
        data,
        (value: unknown) => typeof value === "number" && !Number.isFinite(value),
      );
      if (index >= 0)
        return {
          code: "golden-not-finite",
          detail: `${instance}: output ${name}, element ${index} is not finite`,
        };
    }
  return undefined;
}

/** Names, datatypes and shapes must be the same in every answer, before elements are compared. */
function otherForm(
  reference: readonly Tensor[],
  samples: readonly InstanceSamples[],
): GoldenRefusal | undefined {
  for (const { instance, answers } of samples) {
    const own = answers[0] ?? [];
    const changes = answers.map((answer) => formsDiffer(answer, own)).find((detail) => detail !== undefined);
    if (changes) return { code: "golden-unstable", detail: `${instance}: ${changes}` };
    const differs = formsDiffer(own, reference);
    if (differs)
      return { code: "golden-disagree", detail: `${instance} and ${samples[0]?.instance}: ${differs}` };
  }
  return undefined;
}

function formsDiffer(answer: readonly Tensor[], reference: readonly Tensor[]): string | undefined {
  for (const output of [...reference, ...answer]) {
    const [a, b] = [answer, reference].map((outputs) => outputs.find(({ name }) => name === output.name));
    if (!a || !b) return `output ${output.name} is not in every answer`;
    const differs = formDiffers(a, b);
    if (differs) return `output ${output.name}: ${differs}`;
  }
  return undefined;
}

type Form = Pick<Tensor, "datatype" | "shape"> & { data: ArrayLike<unknown> };

function formDiffers(a: Form, b: Form): string | undefined {
  if (a.datatype !== b.datatype) return `${a.datatype}, not ${b.datatype}`;
  if (`${a.shape}` !== `${b.shape}`) return `shape [${a.shape}], not [${b.shape}]`;
  if (a.data.length !== b.data.length) return `${a.data.length} elements, not ${b.data.length}`;
  return undefined;
}

const refuse = (code: GoldenRefusal["code"], detail: string): { refusal: GoldenRefusal } => ({
  refusal: { code, detail },
});
