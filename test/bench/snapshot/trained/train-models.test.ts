import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { quickPlan, trainModels } from "./train-models.ts";

const plan = {
  ...quickPlan,
  shape: { rows: 1024, width: 16, hidden: 16, rank: 4 },
  codeSymbols: 60_000,
  digitsHidden: 32,
};

async function trainOnce() {
  const digests = new Map<string, string>();
  const trained = await trainModels(plan, async (version, models) => {
    for (const tensors of Object.values(models))
      for (const [name, { floats }] of Object.entries(tensors))
        digests.set(`${version} ${name}`, createHash("sha256").update(floats).digest("hex"));
  });
  return { ...trained, digests };
}

test("the weights are learned: what was not seen becomes less surprising, and each version knows what it was shown", async () => {
  const { heldOut, digests } = await trainOnce();
  const { untrained, base, tuned, merged } = heldOut;
  expect(base.code).toBeLessThan(untrained.code / 2);
  expect(base.digits).toBeGreaterThan(2 * untrained.digits);
  expect(tuned.documents).toBeLessThan(base.documents);
  expect(merged.settings).toBeLessThan(tuned.settings);
  const changed = [...digests].filter(
    ([name, digest]) => name.startsWith("merged") && digests.get(name.replace("merged", "tuned")) !== digest,
  );
  expect(changed.map(([name]) => name)).toEqual(["merged experts.up.weight", "merged experts.down.weight"]);
});

test("the same seed gives the same bits", async () => {
  const [first, second] = [await trainOnce(), await trainOnce()];
  expect(second.digests).toEqual(first.digests);
});
