import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { injectConfig } from "./config.ts";
import { injectText, uninjectText } from "./inject-text.ts";
import { diceOf } from "./testing/dice.ts";
import { someManifest } from "./testing/some-manifest.ts";
import { writeYaml } from "./testing/write-yaml.ts";

const config = injectConfig({ kubeletMin: "1.34", collector: { url: "https://collector.locum:8443" } });
const read = (text: string) => parseAllDocuments(text, { merge: true }).map((doc) => doc.toJS());

test("property: injected again it is the same, taken out it is what it was, in any hand", () => {
  let injected = 0;
  let declined = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const dice = diceOf(seed);
      const value = someManifest(dice);
      const text = writeYaml(value, dice);
      expect(read(text).filter((one) => one !== null)).toEqual([value]);
      const once = injectText(text, config);
      if (once.kind === "broken") throw new Error(`${JSON.stringify(once.problem)}\n${text}`);
      for (const one of once.outcomes) one.outcome === "injected" ? injected++ : declined++;
      const unsafe = once.outcomes.filter(
        (one) => one.outcome === "declined" && one.reason === "unsafe_edit",
      );
      if (unsafe.length > 0) throw new Error(`unsafe\n${text}`);
      const twice = injectText(once.text, config);
      if (twice.kind === "broken" || twice.text !== once.text)
        throw new Error(`not idempotent\n${text}\n=====\n${once.text}`);
      const back = uninjectText(once.text);
      if (back.kind === "broken" || back.text !== text)
        throw new Error(`not inverse\n${text}\n=====\n${once.text}`);
    }),
    { numRuns: 500 },
  );
  expect(injected).toBeGreaterThan(400);
}, 120_000);
