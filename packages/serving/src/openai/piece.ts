import { isObject } from "../json/is-object.ts";

/** `runnerUp`: of the likeliest token beside the one that was chosen, where the answer tells it. */
export type OpenaiToken = { token: string; logprob: number; runnerUp: number | undefined };
export type OpenaiChoice = {
  index: number;
  text: string;
  /** Something other than text was answered: thoughts, a call of a tool, a refusal, sound. */
  other: boolean;
  calls: boolean;
  tokens: OpenaiToken[];
  finish: string | undefined;
};
export type OpenaiUsage = {
  prompt: number | undefined;
  completion: number | undefined;
  reasoning: number;
  cached: number | undefined;
};

/** What one document of the API says: a whole answer, or one event of a stream. */
export type OpenaiPiece = {
  id: string | undefined;
  model: string | undefined;
  choices: OpenaiChoice[];
  usage: OpenaiUsage | undefined;
  embeddings: ArrayLike<number>[] | undefined;
  error: { text: string; status: number | undefined } | undefined;
  /** Of the responses API: how far the answer is. */
  state: "running" | "finished" | undefined;
};

/**
 * Reads chat completions, completions, embeddings and responses, whole or streamed: they differ in where the text
 * stands, not in what is said. Undefined where the document is none of them. What a field says in a form that the API
 * does not have counts as absent.
 */
export function readOpenaiPiece(said: unknown): OpenaiPiece | undefined {
  if (!isObject(said)) return undefined;
  const error = errorOf(said);
  const event =
    typeof said.type === "string" && /^response\.|^error$/.test(said.type) ? said.type : undefined;
  const whole = isObject(said.response) ? said.response : said;
  const isResponse = whole.object === "response" && Array.isArray(whole.output);
  const lists = Array.isArray(said.choices) ? said.choices : undefined;
  const embeddings = embeddingsOf(said.data);
  if (!error && event === undefined && !isResponse && !lists && !embeddings && !isObject(said.usage))
    return undefined;
  return {
    id: text(whole.id),
    model: text(whole.model),
    choices: lists
      ? lists.slice(0, choicesMax).map(choiceOf)
      : responseChoices(said, event, isResponse ? whole : {}),
    usage: usageOf(whole.usage),
    embeddings,
    error,
    state: stateOf(event, isResponse ? whole.status : undefined),
  };
}

const choicesMax = 128;

function choiceOf(said: unknown, position: number): OpenaiChoice {
  const choice = isObject(said) ? said : {};
  const message = isObject(choice.delta) ? choice.delta : isObject(choice.message) ? choice.message : {};
  const calls = holds(message.tool_calls) || holds(message.function_call);
  return {
    index: Number.isSafeInteger(choice.index) ? Number(choice.index) : position,
    text: text(choice.text) ?? contentOf(message.content),
    other: calls || otherContents.some((name) => holds(message[name])),
    calls,
    tokens: tokensOf(choice.logprobs),
    finish: text(choice.finish_reason),
  };
}

/** Where servers put thoughts: vLLM and DeepSeek, Ollama and OpenRouter, Mistral. */
const otherContents = [
  "reasoning_content",
  "reasoning",
  "reasoning_details",
  "thinking",
  "refusal",
  "audio",
  "images",
];

/** Content is text, or a list of parts of which some are text. */
function contentOf(said: unknown): string {
  if (typeof said === "string") return said;
  if (!Array.isArray(said)) return "";
  return said.map((part) => (isObject(part) ? (text(part.text) ?? "") : "")).join("");
}

/** The chat's list of objects, or the parallel lists of completions. A null stands for NaN, as some servers write it. */
function tokensOf(said: unknown): OpenaiToken[] {
  if (!isObject(said)) return [];
  if (Array.isArray(said.content)) return said.content.filter(isObject).map(chatToken);
  const { tokens, token_logprobs: logprobs, top_logprobs: candidates } = said;
  if (!Array.isArray(tokens) || !Array.isArray(logprobs)) return [];
  // The first token of an echoed prompt has no probability, and says so by null.
  const first = logprobs[0] === null && logprobs.length > 1 ? 1 : 0;
  return tokens.slice(first).map((said, place) => {
    const token = String(said);
    const others = Array.isArray(candidates) ? candidates[first + place] : undefined;
    const runnerUp = isObject(others) ? likeliest(token, Object.entries(others)) : undefined;
    return { token, logprob: numberOf(logprobs[first + place]), runnerUp };
  });
}

function chatToken({ token: said, logprob, top_logprobs: candidates }: Record<string, unknown>): OpenaiToken {
  const token = String(said);
  const others = Array.isArray(candidates) ? candidates.filter(isObject) : [];
  const runnerUp = likeliest(
    token,
    others.map((one) => [String(one.token), one.logprob]),
  );
  return { token, logprob: numberOf(logprob), runnerUp };
}

function likeliest(chosen: string, candidates: [string, unknown][]): number | undefined {
  const others = candidates.flatMap(([token, logprob]) =>
    token !== chosen && typeof logprob === "number" ? logprob : [],
  );
  return others.length > 0 ? Math.max(...others.slice(0, 64)) : undefined;
}

function responseChoices(
  said: Record<string, unknown>,
  event: string | undefined,
  whole: Record<string, unknown>,
): OpenaiChoice[] {
  const choice = { index: 0, calls: false, tokens: [], finish: undefined };
  if (event === "response.output_text.delta")
    return [{ ...choice, text: text(said.delta) ?? "", other: false }];
  if (event !== undefined)
    return [{ ...choice, text: "", other: /(reasoning|arguments|refusal|audio|output_item)/.test(event) }];
  const output = Array.isArray(whole.output) ? whole.output.filter(isObject) : [];
  if (output.length === 0) return [];
  const messages = output.filter(({ type }) => type === "message");
  return [
    {
      ...choice,
      text: messages.map(({ content }) => contentOf(content)).join(""),
      other: messages.length < output.length,
    },
  ];
}

function stateOf(event: string | undefined, status: unknown): OpenaiPiece["state"] {
  if (event !== undefined)
    return /^response\.(completed|incomplete|failed|cancelled)$/.test(event) ? "finished" : "running";
  if (status === undefined) return undefined;
  return status === "queued" || status === "in_progress" ? "running" : "finished";
}

function embeddingsOf(said: unknown): ArrayLike<number>[] | undefined {
  if (!Array.isArray(said) || said.length === 0) return undefined;
  const vectors: { at: number; values: ArrayLike<number> }[] = [];
  for (const [position, entry] of said.entries()) {
    const values = isObject(entry) ? vectorOf(entry.embedding) : undefined;
    if (!isObject(entry) || !values) return undefined;
    vectors.push({ at: Number.isSafeInteger(entry.index) ? Number(entry.index) : position, values });
  }
  return vectors.sort((a, b) => a.at - b.at).map(({ values }) => values);
}

/** A list of numbers, or base64 of little-endian binary32. */
function vectorOf(said: unknown): ArrayLike<number> | undefined {
  if (Array.isArray(said)) return said.map(numberOf);
  if (typeof said !== "string") return undefined;
  const bytes = Buffer.from(said, "base64");
  const values = new Float32Array(Math.floor(bytes.length / 4));
  for (let at = 0; at < values.length; at++) values[at] = bytes.readFloatLE(4 * at);
  return values;
}

function usageOf(said: unknown): OpenaiUsage | undefined {
  if (!isObject(said)) return undefined;
  const prompt = said.prompt_tokens_details ?? said.input_tokens_details;
  const completion = said.completion_tokens_details ?? said.output_tokens_details;
  return {
    prompt: count(said.prompt_tokens ?? said.input_tokens),
    completion: count(said.completion_tokens ?? said.output_tokens),
    reasoning: (isObject(completion) ? count(completion.reasoning_tokens) : 0) ?? 0,
    cached: isObject(prompt) ? count(prompt.cached_tokens) : undefined,
  };
}

/** `{"error":{...}}`, an event of the type `error`, or what vLLM once wrote: `{"object":"error","message":..}`. */
function errorOf(said: Record<string, unknown>): OpenaiPiece["error"] {
  const isError = said.object === "error" || said.type === "error";
  const error = said.error ?? (isError ? said : undefined);
  if (error === undefined || error === null) return undefined;
  const { message, code, status } = isObject(error)
    ? error
    : { message: error, code: undefined, status: undefined };
  return { text: String(message ?? "error").slice(0, 200), status: count(code) ?? count(status) };
}

const text = (said: unknown): string | undefined => (typeof said === "string" ? said : undefined);
const numberOf = (said: unknown): number => (typeof said === "number" ? said : Number.NaN);
const count = (said: unknown): number | undefined =>
  Number.isSafeInteger(said) && Number(said) >= 0 ? Number(said) : undefined;

function holds(said: unknown): boolean {
  if (Array.isArray(said) || typeof said === "string") return said.length > 0;
  return isObject(said);
}
