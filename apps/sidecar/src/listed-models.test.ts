import { expect, test } from "vitest";
import { createListedModels } from "./listed-models.ts";

test("a name counts once the server has listed it, asked at most once a minute, and its silence changes nothing", async () => {
  let nowMs = 0;
  let asked = 0;
  let listed: string[] | undefined = ["a"];
  const models = createListedModels({
    server: () => ({
      models: async () => {
        asked += 1;
        if (!listed) throw new Error("no list");
        return listed.map((name) => ({ name, state: "READY" }));
      },
    }),
    clock: { monotonicMs: () => nowMs },
  });
  const seen = () => ["a", "b"].filter(models.has);
  expect(seen()).toEqual([]);
  await expect.poll(seen).toEqual(["a"]);
  expect(asked).toBe(1);
  listed = undefined;
  nowMs += 60_001;
  seen();
  await expect.poll(() => asked).toBe(2);
  expect(seen()).toEqual(["a"]);
  listed = ["b"];
  nowMs += 60_001;
  await expect.poll(seen).toEqual(["b"]);
});
