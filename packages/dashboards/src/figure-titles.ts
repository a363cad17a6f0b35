import type { StatsFigure } from "./model.ts";

/** What a figure over a number is called where a person reads it. */
export const figureTitles: Record<StatsFigure, string> = {
  min: "least",
  avg: "mean",
  max: "greatest",
  sum: "sum",
};
