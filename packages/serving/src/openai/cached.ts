import type { InferAnswer } from "../model-server.ts";
import type { OpenaiUsage } from "./piece.ts";
import type { OpenaiKind } from "./server.ts";

type Told = { id: string | undefined; usage: OpenaiUsage | undefined; kind: OpenaiKind; isSalted: boolean };

const idsKept = 256;
/** Shorter ones repeat by themselves: Ollama draws from a thousand. */
const idLengthLeast = 16;

/**
 * Whether an answer may come from a cache.
 *
 * `true`: the server says that it took tokens of the prompt from its prefix cache. The tokens after them were computed,
 * but upon keys and values from before: weights that went bad since then are seen in part only, and a part is no proof.
 * Also `true`: an id that was given out before, which a model server never does and a response cache in front of one
 * always does.
 *
 * `false`: the server says that it took none, or the request bore a salt by which vLLM separates its cache, or told
 * llama.cpp not to use it. Neither keeps whole answers. Everything else is "unknown": the prefix caches of SGLang (it
 * counts only if started so), Ollama and TGI say nothing.
 */
export function createCacheRule(): (told: Told) => InferAnswer["cached"] {
  const ids = new Set<string>();
  return ({ id, usage, kind, isSalted }) => {
    if (id !== undefined && id.length >= idLengthLeast) {
      if (ids.has(id)) return true;
      ids.add(id);
      for (const oldest of ids) if (ids.size > idsKept) ids.delete(oldest);
    }
    if (usage?.cached !== undefined) return usage.cached > 0;
    return isSalted && (kind === "vllm" || kind === "llama.cpp") ? false : "unknown";
  };
}
