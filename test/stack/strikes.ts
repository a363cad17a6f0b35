import { fileURLToPath } from "node:url";
import { strikes as demoStrikes, type Target } from "@locum/cli/strikes";

export { deploy, liveFile, overwriteMiddle } from "@locum/cli/strikes";

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/digits/${path}`, import.meta.url));

/** The three releases of the digits model. */
export const digits = {
  current: fixture("model.onnx"),
  older: fixture("older/model.onnx"),
  newer: fixture("newer/model.onnx"),
  testSet: fixture("test-set.json"),
  goldenRequests: fixture("golden-requests.json"),
} as const;

/** The demo's strikes, by the names that the benches print. */
export const strikes = {
  crash: demoStrikes.kill,
  hang: demoStrikes.hang,
  corrupt: demoStrikes["corrupt-weights"],
  nan: demoStrikes.nan,
  older: (target: Target) => demoStrikes["older-model"](target, digits),
} as const;
export type Strike = keyof typeof strikes;
