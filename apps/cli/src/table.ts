import type { Colour, Paint } from "./paint.ts";

export type Cell = string | number | { text: string; colour: Colour };

const gap = "  ";

const linesMax = 12;

/**
 * Columns side by side within `columns`: the widest ones give way first. What does not fit ends in an ellipsis, but for
 * the last column, which goes on below. Cells come from servers too: control characters are shown, not obeyed.
 */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { columns = 80, paint = (_, text) => text }: { columns?: number; paint?: Paint } = {},
): string {
  const cells = rows.map((row) => head.map((_, index) => readCell(row[index] ?? "")));
  const widths = fit(
    head.map((title, index) => Math.max(width(title), ...cells.map((row) => width(row[index]?.text ?? "")))),
    columns - gap.length * (head.length - 1),
  );
  const last = head.length - 1;
  const linesOf = (row: readonly Shown[]): string[] => {
    const below = wrapText(row[last]?.text ?? "", widths[last] ?? 0);
    return below.map((text, line) =>
      row
        .map(({ text: whole, colour }, index) => {
          const room = widths[index] ?? 0;
          const cut = index === last ? text : line > 0 ? "" : shorten(whole, room);
          const shown = colour && cut !== "" ? paint(colour, cut) : cut;
          return index === last ? shown : shown + " ".repeat(room - width(cut));
        })
        .join(gap)
        .trimEnd(),
    );
  };
  const title = head.map((text): Shown => ({ text, colour: "dim" }));
  return [title, ...cells].flatMap(linesOf).join("\n");
}

type Shown = { text: string; colour: Colour | undefined };

const readCell = (cell: Cell): Shown =>
  typeof cell === "object"
    ? { text: visible(cell.text), colour: cell.colour }
    : { text: visible(String(cell)), colour: undefined };

/** Words on lines of so many columns; twelve lines at most. */
export function wrapText(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && width(line) + 1 + width(word) <= room)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(shorten(word, room));
    if (lines.length > linesMax) return [...lines.slice(0, linesMax - 1), "…"];
  }
  return lines;
}

/** Text from outside as one line that no terminal takes for orders. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");

function fit(widths: readonly number[], room: number): number[] {
  const fitted = [...widths];
  while (fitted.reduce((sum, one) => sum + one, 0) > room) {
    const widest = Math.max(...fitted);
    if (widest <= 4) break;
    fitted[fitted.indexOf(widest)] = widest - 1;
  }
  return fitted;
}

function shorten(text: string, room: number): string {
  if (width(text) <= room) return text;
  let cut = "";
  for (const char of text) {
    if (width(cut + char) > room - 1) break;
    cut += char;
  }
  return `${cut}…`;
}

/** Columns on a terminal: ideographs, kana, hangul and full-width forms take two. */
export function width(text: string): number {
  let sum = 0;
  for (const char of text)
    sum +=
      /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u.test(
        char,
      )
        ? 2
        : /\p{Mn}/u.test(char)
          ? 0
          : 1;
  return sum;
}
