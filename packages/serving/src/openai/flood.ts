/** What a growing text repeats at its end. Work is bounded, and no more of the text is kept than it takes to tell. */
export type Flood = {
  push(text: string): void;
  /** The repeated unit, if the text is flooded. `open`: more may come. */
  unit(state: "open" | "cut"): string | undefined;
};

/**
 * A logit that is no number makes the argmax token 0 from then on, with status 200 and until the token limit: "!" for
 * Llama 3 and Qwen, "G" or "@" with others (vllm#14126, #22881, #53480, ollama#12512). What can be told for sure from
 * the text alone: a unit of at most 16 characters, repeated without a break up to the end of an answer that the model
 * did not end itself. It needs 64 characters and 16 units where that is the whole answer, 512 and 64 after other text
 * (rules in tables and comments are shorter, and end), twice as much while the answer still runs. A client that asks
 * for a long repetition and cuts it off by its limit looks the same: that is why this is a finding and no verdict.
 */
const unitMax = 16;
const wholeLeast = { characters: 64, units: 16 };
const tailLeast = { characters: 512, units: 64 };

export function createFlood(): Flood {
  let tail = "";
  let length = 0;
  return {
    push(text) {
      length += text.length;
      tail += text;
      if (tail.length > 2 * keptLeast) tail = tail.slice(-keptLeast);
    },
    unit(state) {
      const factor = state === "open" ? 2 : 1;
      for (let unit = 1; unit <= unitMax; unit++) {
        const characters = repeatedAtEnd(tail, unit);
        // Of a text whose start is gone, what is left is more than either rule wants.
        const least = characters === length ? wholeLeast : tailLeast;
        if (characters < factor * least.characters || characters < factor * least.units * unit) continue;
        return tail.slice(-unit);
      }
      return undefined;
    },
  };
}

/** The most that a rule asks for, and a unit. */
const keptLeast = 2 * tailLeast.units * unitMax + unitMax;

/** How many characters at the end are repetitions of the last `unit` ones; 0 where nothing repeats. */
function repeatedAtEnd(text: string, unit: number): number {
  let at = text.length - 1;
  while (at >= unit && text.charCodeAt(at) === text.charCodeAt(at - unit)) at--;
  const run = text.length - 1 - at;
  return run === 0 ? 0 : run + unit;
}
