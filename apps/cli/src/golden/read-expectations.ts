import { Fault, type Tensor, Tolerance } from "@locum/contracts";
import type { GivenOutput } from "@locum/coordination";
import { decodeAnswer, readOpenaiAnswer } from "@locum/serving";

/**
 * Expected outputs from outside, in the order of the requests: a list of `{"outputs":[...]}` in the protocol's own JSON.
 * An answer of the OpenAI API is one too. An output may bring its own `tolerance`: {abs, rel, cosineMin?, topK?}.
 * @throws Fault request-invalid
 */
export function readExpectations(value: unknown, file: string, requests: number): GivenOutput[][] {
  const list = Array.isArray(value) ? value : (value as { expected?: unknown } | null)?.expected;
  if (!Array.isArray(list) || list.length !== requests)
    throw new Fault(
      "request-invalid",
      `${file}: expected a list of ${requests} answers, one for each request, found ${Array.isArray(list) ? list.length : "none"}`,
      { hint: 'Write each as the server answers: {"outputs":[{"name","datatype","shape","data"}]}.' },
    );
  return list.map((entry, index) => readExpectation(entry, `${file}[${index}]`));
}

function readExpectation(entry: unknown, at: string): GivenOutput[] {
  try {
    const tensors = tensorsOf(entry);
    if (tensors.length === 0) throw new Fault("request-invalid", "no outputs");
    const { outputs: raw = [] } = entry as { outputs?: { name?: unknown; tolerance?: unknown }[] };
    return tensors.map(({ name, datatype, shape, data }) => {
      const tolerance = raw.find((output) => output.name === name)?.tolerance;
      const given = { name, datatype, shape, data: Array.from(data) };
      if (given.data.some((element) => typeof element === "number" && !Number.isFinite(element)))
        throw new Fault("request-invalid", `output ${name} is not finite`);
      return tolerance === undefined ? given : { ...given, tolerance: Tolerance.parse(tolerance) };
    });
  } catch (error) {
    throw new Fault("request-invalid", `${at}: ${(error as Error).message}`, {
      hint: 'Write each as the server answers: {"outputs":[{"name","datatype","shape","data"}]}; a tolerance has abs and rel.',
    });
  }
}

function tensorsOf(entry: unknown): Tensor[] {
  const body = Buffer.from(JSON.stringify(entry) ?? "");
  const isV2 = typeof entry === "object" && entry !== null && "outputs" in entry;
  return isV2 ? decodeAnswer({}, body) : readOpenaiAnswer({}, body).outputs;
}
