import { readdirSync, readFileSync } from "node:fs";
import { declineReasons, injectConfig, injectText, uninjectText } from "@locum/injection";
import { describe, expect, test } from "vitest";

const dir = new URL("../fixtures/manifests/", import.meta.url);
const files = readdirSync(dir).filter((name) => /\.(ya?ml|json)$/.test(name));
const read = (name: string) => readFileSync(new URL(name, dir), "utf8");
const old = injectConfig({ kubeletMin: "1.30" });
const now = injectConfig({ kubeletMin: "1.34", collector: { url: "https://collector.locum:8443" } });

function injected(text: string, config = now) {
  const result = injectText(text, config);
  if (result.kind === "broken") throw new Error(JSON.stringify(result.problem));
  return result;
}

describe.each(files)("%s", (name) => {
  const text = read(name);
  test("is injected, again the same, and comes back byte for byte", () => {
    for (const config of [old, now]) {
      const once = injected(text, config);
      expect(injected(once.text, config).text).toBe(once.text);
      expect(uninjectText(once.text)).toEqual({ kind: "done", text, exact: true });
    }
  });

  test("is brought from one cluster's values to another's as if it had never been injected", () => {
    expect(injected(injected(text, old).text, now).text).toBe(injected(text, now).text);
  });

  test("looks as it looked", async () => {
    await expect(injected(text).text).toMatchFileSnapshot(new URL(`injected/${name}.txt`, dir).pathname);
  });
});

test("each object that is declined has its reason, and its text", () => {
  const { text, outcomes } = injected(read("declined.yaml"));
  expect(text).toBe(read("declined.yaml"));
  const reasons = outcomes.map((one) =>
    one.outcome === "declined" ? [one.name, one.reason] : [one.name, one.outcome],
  );
  for (const [name = "", reason = ""] of reasons)
    expect(name.replaceAll("-", "_").startsWith(aliases[reason] ?? reason), `${name}: ${reason}`).toBe(true);
  const shown = new Set(reasons.map(([, reason]) => reason));
  const elsewhere = [
    "rendered_elsewhere",
    "unsafe_edit",
    "nothing_to_watch",
    "name_too_long",
    "oversized_annotations",
  ];
  for (const reason of Object.keys(declineReasons))
    if (!elsewhere.includes(reason)) expect([...shown], reason).toContain(reason);
});
const aliases: Record<string, string> = { wrong_level_label: "wrong_level" };

test("a file that was edited since loses our parts and nothing else", () => {
  for (const name of files) {
    const text = read(name);
    const once = injected(text).text;
    const mark = name.endsWith(".json") ? "\n" : "\n# edited since\nx-edited: 1\n";
    if (once === text || name.endsWith(".json") || /\.\.\.\s*$|List|# the end/.test(text)) continue;
    const eol = text.includes("\r\n") ? mark.replaceAll("\n", "\r\n") : mark;
    const back = uninjectText(once + eol);
    expect(back, name).toEqual({ kind: "done", text: text + eol, exact: expect.any(Boolean) });
  }
});
