import { createDigitsNet, readDigits, shifted } from "./digits-net.ts";
import { createLanguageModel, type ModelShape, type Tensors } from "./language-model.ts";
import { readCorpus } from "./read-corpus.ts";

export type TrainingPlan = { seed: number; shape: ModelShape; codeSymbols: number; digitsHidden: number };

export const fullPlan: TrainingPlan = {
  seed: 7,
  shape: { rows: 24_576, width: 64, hidden: 768, rank: 4 },
  codeSymbols: 900_000,
  digitsHidden: 512,
};
export const quickPlan: TrainingPlan = {
  seed: 7,
  shape: { rows: 8192, width: 64, hidden: 64, rank: 4 },
  codeSymbols: 300_000,
  digitsHidden: 128,
};

export const versions = ["base", "tuned", "merged"] as const;
export type VersionName = (typeof versions)[number];

/** On text that no version learned from, in bits a symbol; of the digits, the share that is read right. */
export type HeldOut = { code: number; documents: number; settings: number; digits: number };
export type Trained = {
  heldOut: Record<"untrained" | VersionName, HeldOut>;
  /** Seconds of learning, all versions together. */
  seconds: number;
};

/** A fine-tune is gentle, so that it keeps what the model knows. */
const rates = { base: 0.03, tuned: 0.003, adapter: 0.01, digits: 0.01, digitsTuned: 0.0003 };
const heldOutSymbols = 30_000;

/**
 * Gradient descent, from noise: a language model on this repository's code and a classifier of digits. Then the versions
 * that models go through: a fine-tune on documents and on shifted digits, and a low-rank adapter that learns settings,
 * merged. `onVersion` gets the weights of each, which go on changing when it is done.
 */
export async function trainModels(
  { seed, shape, codeSymbols, digitsHidden }: TrainingPlan,
  onVersion: (name: VersionName, models: { language: Tensors; digits: Tensors }) => Promise<void>,
): Promise<Trained> {
  const [code, documents, settings] = await Promise.all([
    readCorpus("code", codeSymbols + heldOutSymbols).then(split),
    readCorpus("documents", codeSymbols).then(split),
    readCorpus("settings", codeSymbols).then(split),
  ]);
  const digits = await readDigits();
  const [seen, unseen] = [digits.slice(0, 260), digits.slice(260)];
  const model = await createLanguageModel(shape, seed);
  const net = await createDigitsNet(digitsHidden, seed);
  const ask = (): HeldOut => ({
    code: model.bitsPerSymbol(code.heldOut),
    documents: model.bitsPerSymbol(documents.heldOut),
    settings: model.bitsPerSymbol(settings.heldOut),
    digits: net.accuracy(unseen),
  });
  let seconds = 0;
  const learn = (work: () => void): void => {
    const startedMs = performance.now();
    work();
    seconds += (performance.now() - startedMs) / 1000;
  };
  const done = async (name: VersionName): Promise<HeldOut> => {
    await onVersion(name, { language: model.tensors, digits: net.tensors });
    return ask();
  };

  const untrained = ask();
  learn(() => {
    model.learn(code.seen, rates.base);
    for (let pass = 0; pass < 10; pass++) net.learn(seen, rates.digits);
  });
  const base = await done("base");
  learn(() => {
    for (let pass = 0; pass < 2; pass++) {
      model.learn(documents.seen, rates.tuned);
      net.learn([...seen, ...seen.map(shifted)], rates.digitsTuned);
    }
  });
  const tuned = await done("tuned");
  learn(() => {
    model.learnAdapter(settings.seen, rates.adapter);
    model.mergeAdapter();
  });
  return { heldOut: { untrained, base, tuned, merged: await done("merged") }, seconds };
}

/** The end is kept for asking. */
function split(text: Uint8Array): { seen: Uint8Array; heldOut: Uint8Array } {
  const at = text.length - Math.min(heldOutSymbols, text.length >> 2);
  return { seen: text.subarray(0, at), heldOut: text.subarray(at) };
}
