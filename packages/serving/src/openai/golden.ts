import { Fault, type Tensor } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import { actsBeyond } from "./look.ts";

type Request = Record<string, unknown>;

/** `fallback`: for a server that refuses to tell log-probabilities. */
export type PinnedRequest = { request: Request; fallback?: Request };

const tokensMax = 16;
const tokensDefault = 8;

/**
 * A request as a golden asks it, pinned to one answer: greedy, with a seed, few tokens (later ones hang upon rounding
 * of all before them), and the log-probabilities of what was chosen, which move long before the choice does. All of it
 * stays in the request, so that the golden's digest and the release's cover it, prompts of the system too. Pinning
 * again changes nothing. Throws `request-invalid` for what acts or is remembered, and for several samples.
 */
export function pinOpenai(request: Request): PinnedRequest {
  const beyond = actsBeyond(request) ?? (request.store === true ? "store" : undefined);
  if (beyond !== undefined)
    throw new Fault("request-invalid", `a golden is asked again and again: it may not have ${beyond}`, {
      hint: "Leave out tools and stored conversations; the prompt alone shows whether the model is right.",
    });
  if (Number(request.n ?? 1) > 1 || Number(request.best_of ?? 1) > 1)
    throw new Fault("request-invalid", "a golden has one answer: n and best_of are 1");
  if (request.messages === undefined && request.prompt === undefined) return { request };
  const { logprobs: _asked, top_logprobs: _candidates, ...rest } = request;
  const pinned: Request = {
    ...rest,
    temperature: 0,
    seed: Number.isSafeInteger(request.seed) ? request.seed : 1,
    ...limits(request),
    ...(request.stream === true ? { stream_options: usageToo(request.stream_options) } : {}),
  };
  return { request: { ...pinned, ...asksLogprobs(request) }, fallback: pinned };
}

/** What a golden of generated text allows: hardware and batching move log-probabilities by some hundredths. */
export const openaiNoise = {
  logprobs: { floor: { abs: 0.05, rel: 0 }, cap: { abs: 0.25, rel: 0 } },
  // Embeddings are often computed in half precision and said in full.
  embedding: { floor: { abs: 1e-4, rel: 1e-3 }, cap: { abs: 5e-3, rel: 5e-2 } },
};

/** Told for the choice of tokens alone: what was not chosen varies too much to be expected. */
export const openaiAside: readonly string[] = ["runner_up"];

/** Twice the band: a lead that both candidates' noise cannot turn round. */
const leadLeast = 0.1;

/**
 * A token that hardly leads its runner-up is another one as soon as a busy server sums in another order, and all that
 * follow it are others too: a golden ends before it. Throws `golden-unstable` where that is the first.
 */
export function endBeforeTie(request: Request, outputs: readonly Tensor[]): Request {
  const [chosen, next] = ["logprobs", "runner_up"].map((name) =>
    outputs.find((output) => output.name === name),
  );
  if (!chosen || !next) return request;
  const lead = (at: number) => Number(chosen.data[at]) - Number(next.data[at]);
  const tie = Array.from(chosen.data).findIndex((_, at) => lead(at) < leadLeast);
  if (tie < 0) return request;
  if (tie === 0)
    throw new Fault(
      "golden-unstable",
      `its first token leads the next candidate by ${lead(0).toFixed(3)} only`,
      {
        hint: "Choose an input whose answer is clear: the model itself is undecided here.",
      },
    );
  const limit = request.max_completion_tokens === undefined ? "max_tokens" : "max_completion_tokens";
  return { ...request, [limit]: tie };
}

function limits(request: Request): Request {
  const { max_tokens: plain, max_completion_tokens: completion } = request;
  const capped = (given: unknown) =>
    Number.isSafeInteger(given) && Number(given) >= 1 ? Math.min(tokensMax, Number(given)) : tokensDefault;
  if (completion === undefined || completion === null) return { max_tokens: capped(plain) };
  const both = plain === undefined || plain === null ? {} : { max_tokens: capped(plain) };
  return { max_completion_tokens: capped(completion), ...both };
}

const usageToo = (options: unknown): Request => ({
  ...(isObject(options) ? options : {}),
  include_usage: true,
});

/** Two candidates a token, for the lead of the first. None at all is what llama.cpp takes for no log-probabilities. */
const asksLogprobs = ({ messages, top_logprobs: given }: Request): Request =>
  messages === undefined
    ? { logprobs: 2 }
    : { logprobs: true, top_logprobs: Math.max(2, Number(given) || 2) };
