import { Fault, type Tensor } from "@locum/contracts";
import type { Headers } from "../http/exchange.ts";
import { readJson, readJsonText } from "../json/read-json.ts";
import { type OpenaiPiece, type OpenaiToken, type OpenaiUsage, readOpenaiPiece } from "./piece.ts";
import { readSse } from "./sse.ts";

export type OpenaiAnswer = { outputs: Tensor[]; id: string | undefined; usage: OpenaiUsage | undefined };

/**
 * A whole answer of 2xx, streamed or not, as tensors: `text`, `finish_reason` (one a choice), `tokens`, `logprobs`,
 * `runner_up` (of the likeliest token that was not chosen), `model`, `prompt_tokens`, or `embedding`. Throws `upstream-protocol` for everything that is no whole answer, and
 * `upstream-refused` for an error that comes with 200.
 */
export function readOpenaiAnswer(headers: Headers, body: Buffer): OpenaiAnswer {
  const isStream = /^text\/event-stream\b/i.test(String(headers["content-type"] ?? ""));
  const pieces = isStream ? piecesOf(body) : [pieceOf(readJson(body, "upstream-protocol"))];
  const answer = gather(pieces);
  if (answer.embeddings) return { ...answer, outputs: vectors(answer.embeddings, answer) };
  const choices = [...answer.choices.entries()].sort(([a], [b]) => a - b).map(([, choice]) => choice);
  if (choices.length === 0) throw new Fault("upstream-protocol", "an answer without a choice");
  if (isStream && choices.some(({ finish }) => finish === undefined))
    throw new Fault("upstream-protocol", "the stream ends without a finish_reason");
  return { ...answer, outputs: texts(choices, answer) };
}

type Choice = { text: string[]; tokens: OpenaiToken[]; finish: string | undefined };
type Gathered = {
  id: string | undefined;
  model: string | undefined;
  usage: OpenaiUsage | undefined;
  embeddings: number[][] | undefined;
  choices: Map<number, Choice>;
};

function gather(pieces: readonly OpenaiPiece[]): Gathered {
  const all: Gathered = {
    id: undefined,
    model: undefined,
    usage: undefined,
    embeddings: undefined,
    choices: new Map(),
  };
  for (const piece of pieces) {
    if (piece.error) throw new Fault("upstream-refused", `an error in an answer of 200: ${piece.error.text}`);
    all.id ??= piece.id;
    all.model ??= piece.model;
    all.usage = piece.usage ?? all.usage;
    all.embeddings ??= piece.embeddings;
    for (const { index, text, tokens, finish } of piece.choices) {
      const choice: Choice = all.choices.get(index) ?? { text: [], tokens: [], finish: undefined };
      all.choices.set(index, choice);
      choice.text.push(text);
      choice.tokens.push(...tokens);
      choice.finish = finish ?? choice.finish;
    }
  }
  return all;
}

function piecesOf(body: Buffer): OpenaiPiece[] {
  if (body.length > streamBytesMax)
    throw new Fault("upstream-protocol", `a stream of more than ${streamBytesMax} bytes`);
  const pieces: OpenaiPiece[] = [];
  let isDone = false;
  let broken: string | undefined;
  const reader = readSse((data) => {
    isDone ||= data === "[DONE]";
    if (isDone || data === "" || pieces.length >= piecesMax) return;
    try {
      const piece = readOpenaiPiece(readJsonText(data, "upstream-protocol"));
      if (piece) pieces.push(piece);
    } catch {
      broken ??= "an event that is no JSON";
    }
  });
  const ended = reader.push(body) ?? reader.end();
  broken ??= ended;
  if (broken !== undefined) throw new Fault("upstream-protocol", `not a stream of this API: ${broken}`);
  return pieces;
}

/** Events are read in one go, on the loop that carries requests: this many bytes of empty ones take a tenth of a second. */
const streamBytesMax = 8 * 1024 * 1024;
/** An event costs some hundred bytes in memory: more of them are no golden's answer. */
const piecesMax = 200_000;

function pieceOf(said: unknown): OpenaiPiece {
  const piece = readOpenaiPiece(said);
  if (!piece) throw new Fault("upstream-protocol", "JSON that is no answer of this API");
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

function vectors(embeddings: number[][], { model, usage }: Gathered): Tensor[] {
  const [first = []] = embeddings;
  if (embeddings.some(({ length }) => length !== first.length))
    throw new Fault("upstream-protocol", "embeddings of different lengths");
  const shape = embeddings.length === 1 ? [first.length] : [embeddings.length, first.length];
  return [{ name: "embedding", datatype: "FP32", shape, data: embeddings.flat() }, ...said(model, usage)];
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
