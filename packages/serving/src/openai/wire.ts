import { plainBodySync } from "../http/plain-body.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { Wire, WireDefect } from "../wire.ts";
import { judgeOpenai } from "./judge.ts";
import { lookOpenai } from "./look.ts";
import { readOpenaiPiece } from "./piece.ts";
import { streamOpenai } from "./wire-stream.ts";

const answerBytesMax = 8 * 1024 * 1024;
const inference =
  /^(?:\/[\w.-]{1,64}){0,3}?\/v1\/(chat\/completions|completions|embeddings|responses)(?:[?#]|$)/;

/** The OpenAI API as vLLM, SGLang, llama.cpp, TGI, Ollama and gateways serve it, at the root or below a prefix. */
export const openaiWire: Wire = {
  protocol: "openai",
  route({ method, path }) {
    const [, what] = (method === "POST" && inference.exec(path)) || [];
    return what === undefined
      ? undefined
      : { model: undefined, repeatable: what === "embeddings" ? true : "body" };
  },
  look: lookOpenai,
  defect(headers, body, asked) {
    if (isStream(headers)) return undefined;
    const plain = plainBodySync(headers, body, answerBytesMax);
    if ("reason" in plain) return undefined;
    return judgeWhole(plain.body, asked?.model);
  },
  stream: (headers, asked) =>
    isStream(headers) && isIdentity(headers) ? streamOpenai(asked?.model) : undefined,
};

function judgeWhole(body: Uint8Array, model: string | undefined): WireDefect | undefined {
  let said: unknown;
  try {
    said = readJson(body, "upstream-protocol");
  } catch {
    return { kind: "malformed", detail: "an answer of 2xx that is no JSON" };
  }
  const piece = readOpenaiPiece(said);
  const isAnswer = piece && (piece.choices.length > 0 || piece.embeddings || piece.error || piece.state);
  if (!isAnswer) {
    const keys = isObject(said) ? Object.keys(said).slice(0, 5).join(", ").slice(0, 100) : typeof said;
    return { kind: "malformed", detail: `an answer of 2xx without a choice: ${keys}` };
  }
  const judge = judgeOpenai({ model });
  return judge.take(piece) ?? judge.end();
}

const isStream = (headers: { "content-type"?: unknown }): boolean =>
  /^text\/event-stream\b/i.test(String(headers["content-type"] ?? ""));

/** A compressed stream cannot be read beside its way without holding it back. */
const isIdentity = (headers: { "content-encoding"?: unknown }): boolean =>
  /^(identity)?$/i.test(String(headers["content-encoding"] ?? ""));
