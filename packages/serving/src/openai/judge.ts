import type { WireDefect } from "../wire.ts";
import { createFlood, type Flood } from "./flood.ts";
import type { OpenaiChoice, OpenaiPiece, OpenaiUsage } from "./piece.ts";

/** What an answer has shown until now: its pieces are judged as they pass and not kept. */
export type OpenaiJudge = {
  take(piece: OpenaiPiece): WireDefect | undefined;
  /** Once all has come. */
  end(): WireDefect | undefined;
  /** Every choice that began has said how it ended. */
  isFinished(): boolean;
};

type SeenChoice = {
  flood: Flood;
  length: number;
  pieces: number;
  other: boolean;
  calls: boolean;
  finish: string | undefined;
};

const choicesMax = 16;
/** Longer pieces are whole answers: of those, the end tells. */
const lookedAt = 8192;
/** Fewer tokens without any text may be a stop token and what a template adds. */
const silentTokensLeast = 16;

/**
 * Contradictions that no model and no request explains, or hardly any. `model` is the one that was asked for, where the
 * answer must bear its name.
 */
export function judgeOpenai({ model }: { model: string | undefined }): OpenaiJudge {
  const choices = new Map<number, SeenChoice>();
  let named: string | undefined;
  let usage: OpenaiUsage | undefined;
  let isWhole = false;

  function take(piece: OpenaiPiece): WireDefect | undefined {
    usage = piece.usage ?? usage;
    isWhole ||= piece.state === "finished";
    const { error } = piece;
    if (error && (error.status === undefined || error.status >= 500))
      return { kind: "status-5xx", detail: `an error in an answer of 200: ${error.text}` };
    return wrongModel(piece) ?? first(piece.choices, takeChoice) ?? first(piece.embeddings ?? [], notFinite);
  }

  function wrongModel({ model: said }: OpenaiPiece): WireDefect | undefined {
    if (!said) return undefined;
    const before = named;
    named ??= said;
    if (before !== undefined && before !== said)
      return { kind: "wrong-model", detail: `${show(said)} after ${show(before)}` };
    if (model === undefined || isSameModel(said, model)) return undefined;
    return { kind: "wrong-model", detail: `${show(said)} answers for ${show(model)}` };
  }

  function takeChoice(said: OpenaiChoice): WireDefect | undefined {
    const broken = said.tokens.findIndex(({ logprob }) => !Number.isFinite(logprob));
    if (broken >= 0) return { kind: "not-finite", detail: `log-probability of token ${broken}` };
    let choice = choices.get(said.index);
    if (!choice) {
      if (choices.size >= choicesMax) return undefined;
      choice = { flood: createFlood(), length: 0, pieces: 0, other: false, calls: false, finish: undefined };
      choices.set(said.index, choice);
    }
    choice.pieces++;
    choice.length += said.text.length;
    choice.other ||= said.other;
    choice.calls ||= said.calls;
    choice.finish = said.finish ?? choice.finish;
    if (said.text === "") return undefined;
    choice.flood.push(said.text.slice(-lookedAt));
    return choice.finish === undefined ? flooded(choice.flood.unit("open")) : undefined;
  }

  return {
    take,
    end() {
      for (const choice of choices.values()) {
        const found =
          wrongFinish(choice) ?? (choice.finish === "stop" ? undefined : flooded(choice.flood.unit("cut")));
        if (found) return found;
      }
      return isSilent(choices, usage)
        ? { kind: "empty", detail: `${usage?.completion} tokens and no text` }
        : undefined;
    },
    isFinished: () =>
      isWhole || (choices.size > 0 && [...choices.values()].every(({ finish }) => finish !== undefined)),
  };
}

const flooded = (unit: string | undefined): WireDefect | undefined =>
  unit === undefined ? undefined : { kind: "flood", detail: `${show(unit)} again and again` };

/**
 * Servers have words of their own for an end (`eos_token`, `abort`, `repetition`): any word is one. Certain are no word
 * at all, the server's own "error", and calls of tools that are not there.
 */
function wrongFinish({ finish, calls, other, length }: SeenChoice): WireDefect | undefined {
  if (finish === undefined) return undefined;
  if (!/^[A-Za-z][A-Za-z_ -]{0,63}$/.test(finish) || finish === "error")
    return { kind: "wrong-finish", detail: `finish_reason ${show(finish)}` };
  if (finish === "tool_calls" && !calls && !other && length === 0)
    return { kind: "wrong-finish", detail: "tool_calls without a call" };
  return undefined;
}

/**
 * Tokens that are not shown as text: token 0 is a special one in many vocabularies (vllm#2294, #9463). Thoughts that a
 * server hides look the same, so that tokens of reasoning excuse it, and any other content.
 */
function isSilent(choices: Map<number, SeenChoice>, usage: OpenaiUsage | undefined): boolean {
  const tokens = usage?.completion ?? 0;
  if (tokens < silentTokensLeast || (usage?.reasoning ?? 0) > 0) return false;
  const all = [...choices.values()];
  return (
    all.length > 0 &&
    all.every(({ length, other, finish }) => length === 0 && !other && /^(stop|length)$/.test(finish ?? ""))
  );
}

function notFinite(vector: ArrayLike<number>): WireDefect | undefined {
  for (let at = 0; at < vector.length; at++)
    if (!Number.isFinite(vector[at])) return { kind: "not-finite", detail: `embedding[${at}]` };
  return undefined;
}

/** Servers add a date, a tag or a folder to the name they were asked by, or leave them out. */
function isSameModel(said: string, asked: string): boolean {
  const [a, b] = [said, asked].map((name) => name.toLowerCase());
  return a !== undefined && b !== undefined && (a.includes(b) || b.includes(a));
}

function first<T>(values: readonly T[], find: (value: T) => WireDefect | undefined): WireDefect | undefined {
  for (const value of values) {
    const found = find(value);
    if (found) return found;
  }
  return undefined;
}

const show = (text: string): string => JSON.stringify(text.slice(0, 40));
