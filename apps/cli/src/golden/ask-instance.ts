import { Fault, type Tensor } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";

export type Question = { id: string; at: string; model: string; request: Record<string, unknown> };

/** How often each question is asked, alone and at the maximum: below three, one odd answer cannot be told from two. */
const repeatsLeast = 3;

/**
 * Everything that an instance answers to the questions, one at a time and then as many at once as it is configured
 * for: batching and busy kernels may answer otherwise than an idle server does.
 * @throws Fault with the instance and the question in its message
 */
export async function askInstance({
  instance,
  server,
  questions,
  concurrency,
  timeoutMs,
  onAnswer = () => {},
}: {
  instance: string;
  server: ModelServer;
  questions: readonly Question[];
  concurrency: number;
  timeoutMs: number;
  onAnswer?: () => void;
}): Promise<Tensor[][][]> {
  const answers: Tensor[][][] = questions.map(() => []);
  const ask = async (index: number): Promise<void> => {
    const question = questions[index];
    if (!question) return;
    const { outputs, cached } = await server
      .infer(question.model, question.request, { timeoutMs })
      .catch((error: unknown) => {
        throw error instanceof Fault
          ? new Fault(error.code, `${instance}: ${question.at} (${question.model}): ${error.message}`, {
              hint: error.hint,
              cause: error,
            })
          : error;
      });
    if (cached === true)
      throw new Fault(
        "refused",
        `${instance}: ${question.at} was answered from a cache, which proves nothing`,
        {
          hint: `Switch the response cache of ${question.model} off, or leave this input out.`,
        },
      );
    answers[index]?.push(outputs);
    onAnswer();
  };
  const round = Array.from(questions, (_, index) => index);
  for (let repeat = 0; repeat < repeatsLeast; repeat += 1) for (const index of round) await ask(index);
  const queue = Array.from({ length: busyRepeats(questions.length, concurrency) }, () => round).flat();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) await ask(index);
    }),
  );
  return answers;
}

/** So many that the maximum is really reached, for a while. */
export const busyRepeats = (questions: number, concurrency: number): number =>
  Math.max(repeatsLeast, Math.ceil((2 * concurrency) / Math.max(1, questions)));

export const asksOf = (questions: number, concurrency: number): number =>
  questions * (repeatsLeast + busyRepeats(questions, concurrency));
