import { Fault, type Tensor } from "@locum/contracts";
import { type HeapBudget, openHeapBudget } from "../heap-budget.ts";
import type { Headers } from "../http/exchange.ts";
import { readJson, readJsonText } from "../json/read-json.ts";
import { textHeapBytes } from "../tensor/binary-tensor.ts";
import { type OpenaiPiece, type OpenaiToken, type OpenaiUsage, readOpenaiPiece } from "./piece.ts";
import { readSse } from "./sse.ts";

export type OpenaiAnswer = { outputs: Tensor[]; id: string | undefined; usage: OpenaiUsage | undefined };

/**
 * A whole answer of 2xx, streamed or not, as tensors: `text`, `finish_reason` (one a choice), `tokens`, `logprobs`,
 * `runner_up` (of the likeliest token that was not chosen), `model`, `prompt_tokens`, or `embedding`. Throws
 * `upstream-protocol` for everything that is no whole answer, and `upstream-refused` for an error that comes with 200.
 */
export function readOpenaiAnswer(headers: Headers, body: Buffer): OpenaiAnswer {
  const isStream = /^text\/event-stream\b/i.test(String(headers["content-type"] ?? ""));
  const answer: Gathered = { choices: new Map() };
  const take = openHeapBudget(code);
  if (isStream) eachPiece(body, (piece) => gather(piece, answer, take));
  else gather(pieceOf(readJson(body, code)), answer, take);
  const { id, usage, embeddings } = answer;
  if (embeddings) return { id, usage, outputs: vectors(embeddings, answer) };
  const choices = [...answer.choices.entries()].sort(([a], [b]) => a - b).map(([, choice]) => choice);
  if (choices.length === 0) throw new Fault(code, "an answer without a choice");
  if (isStream && choices.some(({ finish }) => finish === undefined))
    throw new Fault(code, "the stream ends without a finish_reason");
  return { id, usage, outputs: texts(choices, answer) };
}

const code = "upstream-protocol";

type Choice = { text: string[]; tokens: OpenaiToken[]; finish: string | undefined };
type Gathered = {
  id?: string | undefined;
  model?: string | undefined;
  usage?: OpenaiUsage | undefined;
  embeddings?: ArrayLike<number>[] | undefined;
  choices: Map<number, Choice>;
};

function gather(piece: OpenaiPiece, into: Gathered, take: HeapBudget): void {
  if (piece.error) throw new Fault("upstream-refused", `an error in an answer of 200: ${piece.error.text}`);
  into.id ??= piece.id;
  into.model ??= piece.model;
  into.usage = piece.usage ?? into.usage;
  into.embeddings ??= piece.embeddings;
  for (const { index, text, tokens, finish } of piece.choices) {
    let choice = into.choices.get(index);
    if (!choice) {
      take(choiceHeapBytes);
      choice = { text: [], tokens: [], finish: undefined };
      into.choices.set(index, choice);
    }
    take(textHeapBytes(text.length));
    choice.text.push(text);
    for (const token of tokens) {
      take(tokenHeapBytes + textHeapBytes(token.token.length));
      choice.tokens.push(token);
    }
    choice.finish = finish ?? choice.finish;
  }
}

const choiceHeapBytes = 300;
/** A token, and its places in the lists that are made of it. */
const tokenHeapBytes = 150;

function eachPiece(body: Buffer, give: (piece: OpenaiPiece) => void): void {
  if (body.length > streamBytesMax) throw new Fault(code, `a stream of more than ${streamBytesMax} bytes`);
  let isDone = false;
  let wrong: Fault | undefined;
  const reader = readSse((data) => {
    isDone ||= data === "[DONE]";
    if (isDone || data === "" || wrong) return;
    try {
      const piece = readOpenaiPiece(readJsonText(data, code));
      if (piece) give(piece);
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      wrong = fault;
    }
  });
  const broken = reader.push(body) ?? reader.end();
  if (wrong) throw wrong;
  if (broken !== undefined) throw new Fault(code, `not a stream of this API: ${broken}`);
}

/** Events are read in one go, on the loop that carries requests: this many bytes of empty ones take a tenth of a second. */
const streamBytesMax = 8 * 1024 * 1024;

function pieceOf(said: unknown): OpenaiPiece {
  const piece = readOpenaiPiece(said);
  if (!piece) throw new Fault(code, "JSON that is no answer of this API");
  return piece;
}

function texts(choices: readonly Choice[], { model, usage }: Gathered): Tensor[] {
  const all = choices.map(({ text }) => text.join(""));
  const ends = choices.flatMap(({ finish }) => finish ?? []);
  const tokens = choices.flatMap((choice) => choice.tokens);
  const names = tokens.map(({ token }) => token);
  const logprobs = tokens.map(({ logprob }) => logprob);
  const runnersUp = tokens.flatMap(({ runnerUp }) => runnerUp ?? []);
  return [
    bytes("text", all),
    ...(ends.length === choices.length ? [bytes("finish_reason", ends)] : []),
    ...(tokens.length === 0 ? [] : [bytes("tokens", names), tensor("logprobs", "FP64", logprobs)]),
    ...(tokens.length > 0 && runnersUp.length === tokens.length
      ? [tensor("runner_up", "FP64", runnersUp)]
      : []),
    ...said(model, usage),
  ];
}

function vectors(embeddings: ArrayLike<number>[], { model, usage }: Gathered): Tensor[] {
  const length = embeddings[0]?.length ?? 0;
  if (embeddings.some((vector) => vector.length !== length))
    throw new Fault(code, "embeddings of different lengths");
  const shape = embeddings.length === 1 ? [length] : [embeddings.length, length];
  const data = new Float64Array(embeddings.length * length);
  embeddings.forEach((vector, row) => void data.set(vector, row * length));
  return [{ name: "embedding", datatype: "FP32", shape, data }, ...said(model, usage)];
}

/** A changed chat template or system prompt shows in the count of the prompt's tokens, whatever the text is. */
const said = (model: string | undefined, usage: OpenaiUsage | undefined): Tensor[] => [
  ...(model === undefined ? [] : [bytes("model", [model])]),
  ...(usage?.prompt === undefined ? [] : [tensor("prompt_tokens", "INT64", [usage.prompt])]),
];

const bytes = (name: string, data: string[]): Tensor => tensor(name, "BYTES", data);
const tensor = (name: string, datatype: Tensor["datatype"], data: Tensor["data"]): Tensor => ({
  name,
  datatype,
  shape: [data.length],
  data,
});
