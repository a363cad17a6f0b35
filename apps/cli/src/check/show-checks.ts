import type { Output } from "../output.ts";
import { visible, width, wrapText } from "../table.ts";
import { type CheckLine, hintOf } from "./check-groups.ts";

const glyphs = { ok: "√", note: "‼", bad: "×" } as const;
const colours = { ok: "good", note: "warn", bad: "bad" } as const;

/** A group after the other: sign and sentence, below it what was found and where it is said what to do. */
export function showChecks(out: Output, lines: readonly CheckLine[]): void {
  let shown = "";
  for (const { group, level, what, evidence } of lines) {
    if (group !== shown) {
      if (shown !== "") out.say();
      out.say(out.paint("bold", group));
      shown = group;
    }
    const [first, ...more] = evidence;
    const wrapped = (text: string, indent: number): string[] =>
      wrapText(visible(text), out.columns - indent).map((line) => " ".repeat(indent) + line);
    // What is in order has one line: the eye looks for the others.
    const fits = first !== undefined && width(`${what}  (${first})`) + 2 <= out.columns;
    const beside = level === "ok" && fits && more.length === 0;
    const note = beside ? out.paint("dim", ` (${visible(first)})`) : "";
    out.say(`${out.paint(colours[level], glyphs[level])} ${visible(what)}${note}`);
    if (!beside) for (const one of evidence) for (const line of wrapped(one, 4)) out.say(line);
    if (level !== "ok") out.say(out.paint("dim", `    see ${hintOf(group)}`));
    out.event({ kind: "check", group, level, what, evidence, hint: hintOf(group) });
  }
}
