import { digestOf, Fault, type Golden, goldenId, type ModelMetadata, splitModelKey } from "@locum/contracts";
import { type GivenOutput, type InstanceSamples, learnGolden, type NoiseBands } from "@locum/coordination";
import type { ModelServer } from "@locum/serving";
import { servedModels } from "../served-models.ts";
import { askInstance, asksOf, type Question } from "./ask-instance.ts";
import { findModel } from "./find-model.ts";
import type { GoldenRequest } from "./read-requests.ts";
import { settleRequest } from "./settle-request.ts";

export type Asked = {
  id: string;
  server: ModelServer;
  maxConcurrency: number;
  modelDir?: string | undefined;
};
export type Recorded = { goldens: Golden[]; configuration: Record<string, string>; asks: number };

/**
 * Asks every instance and learns one golden from each request, or refuses the first that could prove nothing.
 * @throws Fault golden-disagree | golden-unstable | golden-not-finite | request-invalid | what a server answers
 */
export async function recordGoldens({
  instances,
  requests,
  models,
  given,
  timeoutMs,
  onProgress = () => {},
}: {
  instances: readonly Asked[];
  requests: readonly GoldenRequest[];
  /** Models that the configuration names: where a server keeps no list they are all that is known. */
  models: readonly string[];
  given?: readonly GivenOutput[][] | undefined;
  timeoutMs: number;
  onProgress?: (done: number, all: number) => void;
}): Promise<Recorded> {
  const named = [...new Set([...models, ...requests.flatMap(({ model }) => model ?? [])])];
  const served = await Promise.all(
    instances.map(async ({ id, server, modelDir }) => ({
      id,
      ...(await naming(id, servedModels(server, { named, modelDir }))),
    })),
  );
  const [first] = served;
  if (!first) throw new Fault("config-invalid", "there is no instance to ask");
  const candidates =
    models.length > 0 ? first.models.filter(({ name }) => isNamed(models, name)) : first.models;
  const questions = distinct(
    await inTurn(requests, async (one) => {
      const { at } = one;
      const model = findModel(one, candidates);
      const request = await settleRequest({ ...one, model, instances, timeoutMs });
      return { id: goldenId(model, request), at, model, request };
    }),
  );
  const configuration = configurationOf(
    served,
    questions.map(({ model }) => model),
  );

  const all = instances.reduce((sum, one) => sum + asksOf(questions.length, one.maxConcurrency), 0);
  let done = 0;
  const answers = await Promise.all(
    instances.map(({ id, server, maxConcurrency }) =>
      askInstance({
        instance: id,
        server,
        questions,
        concurrency: maxConcurrency,
        timeoutMs,
        onAnswer: () => {
          done += 1;
          onProgress(done, all);
        },
      }),
    ),
  );
  const goldens = questions.map((question, index) => {
    const { noise, aside = [] } = requests[index] ?? {};
    const samples: InstanceSamples[] = instances.map(({ id }, at) => ({
      instance: id,
      answers: (answers[at]?.[index] ?? []).map((outputs) =>
        outputs.filter(({ name }) => !aside.includes(name)),
      ),
    }));
    return learned(question, { samples, given: given?.[index], bands: noise });
  });
  return { goldens, configuration, asks: done };
}

/** Naming a model names its versions. */
const isNamed = (models: readonly string[], key: string): boolean =>
  models.includes(key) || models.includes(splitModelKey(key).model);

function learned(
  { id, at, model, request }: Question,
  {
    samples,
    given,
    bands,
  }: { samples: InstanceSamples[]; given: GivenOutput[] | undefined; bands: NoiseBands | undefined },
): Golden {
  const result = learnGolden({
    id,
    model,
    request,
    samples,
    ...(given ? { given } : {}),
    ...(bands ? { bands } : {}),
  });
  if ("golden" in result) return result.golden;
  const { code, detail } = result.refusal;
  throw new Fault(code, `golden ${id} (${at}, model ${model}): ${detail}`);
}

function distinct(questions: Question[]): Question[] {
  const seen = new Map<string, string>();
  for (const { id, at } of questions) {
    const first = seen.get(id);
    if (first !== undefined)
      throw new Fault("request-invalid", `${at} is the same request as ${first}`, {
        hint: "Two different goldens that fail are a proof; the same one twice is not.",
      });
    seen.set(id, at);
  }
  return questions;
}

/** Served metadata by digest. Instances of one release must be described alike. */
function configurationOf(
  served: readonly { id: string; models: readonly ModelMetadata[] }[],
  used: readonly string[],
): Record<string, string> {
  const configuration: Record<string, string> = {};
  for (const model of [...new Set(used)].sort()) {
    const digests = served.map(({ id, models }) => {
      const metadata = models.find(({ name }) => name === model);
      if (!metadata) throw new Fault("model-unknown", `${id} does not serve the model ${model}`);
      return { id, digest: digestOf(metadata) };
    });
    const other = digests.find(({ digest }) => digest !== digests[0]?.digest);
    if (other)
      throw new Fault(
        "golden-disagree",
        `${other.id} and ${digests[0]?.id} describe the model ${model} differently`,
        {
          hint: "Compare them with locum detect URL.",
        },
      );
    configuration[model] = digests[0]?.digest ?? "";
  }
  return configuration;
}

async function inTurn<A, B>(list: readonly A[], work: (one: A) => Promise<B>): Promise<B[]> {
  const done: B[] = [];
  for (const one of list) done.push(await work(one));
  return done;
}

async function naming<T>(instance: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(error.code, `${instance}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
