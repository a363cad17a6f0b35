/** What a growing text repeats at its end. Work for each character is bounded, and nothing of the text is kept. */
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
  const last = new Uint16Array(unitMax);
  /** For each length of a unit: how many characters up to now equal the one a unit before them. */
  const runs = new Uint32Array(unitMax + 1);
  let length = 0;
  return {
    push(text) {
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at);
        for (let unit = 1; unit <= unitMax; unit++) {
          const same = length >= unit && last[(length - unit) % unitMax] === code;
          runs[unit] = same ? (runs[unit] ?? 0) + 1 : 0;
        }
        last[length % unitMax] = code;
        length++;
      }
    },
    unit(state) {
      const factor = state === "open" ? 2 : 1;
      for (let unit = 1; unit <= unitMax; unit++) {
        const run = runs[unit] ?? 0;
        if (run === 0) continue;
        const characters = run + unit;
        const least = characters === length ? wholeLeast : tailLeast;
        if (characters < factor * least.characters || characters < factor * least.units * unit) continue;
        const codes = Array.from({ length: unit }, (_, at) => last[(length - unit + at) % unitMax] ?? 0);
        return String.fromCharCode(...codes);
      }
      return undefined;
    },
  };
}
