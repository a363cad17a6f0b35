import { Fault } from "@locum/contracts";

/** The value of a flag that takes one of a few words. @throws Fault usage */
export function oneOf<Word extends string>(flag: string, value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw new Fault("usage", `--${flag}: expected ${words.join(" or ")}, found "${value.slice(0, 40)}"`);
}
