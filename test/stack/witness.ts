import { readFileSync } from "node:fs";
import * as rig from "@locum/cli/witness";
import { digits } from "./strikes.ts";

export type { Answer, Outcome, Witness } from "@locum/cli/witness";

const imagesMax = 64;

export const images: number[][] = (
  JSON.parse(readFileSync(digits.testSet, "utf8")) as { images: { image: number[] }[] }
).images
  .slice(0, imagesMax)
  .map(({ image }) => image.map((value) => value / 16));

/** The demo's independent client, over the first images of the test set. */
export const startWitness = (
  options: Omit<Parameters<typeof rig.startWitness>[0], "images">,
): ReturnType<typeof rig.startWitness> => rig.startWitness({ ...options, images });

export const referenceAnswers = (url: string): Promise<Float64Array[]> => rig.referenceAnswers(url, images);
