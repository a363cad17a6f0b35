import { stringify } from "yaml";

export type Layout = { eol: string };

/** A pair, or an item, as lines of block style at a column; ends with a line break. */
export function blockLines(value: unknown, column: number, { eol }: Layout): string {
  const text = stringify(value, {
    lineWidth: 0,
    // A reader of YAML 1.1, which kubectl is, takes a bare `on` or `1:30` for something else than text.
    compat: "yaml-1.1",
    aliasDuplicateObjects: false,
  });
  const indent = " ".repeat(column);
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => (line === "" ? "" : indent + line) + eol)
    .join("");
}

/** A value on one line, JSON, which is YAML in every place where a value may stand. */
export const inline = (value: unknown): string => JSON.stringify(value);

/** A value for a place in flow style; over several lines, with `pad` before each, where its neighbours are. */
export function flowText(value: unknown, pad: string | null, { eol }: Layout): string {
  if (pad === null) return inline(value);
  const unit = pad.includes("\t") ? "\t" : 2;
  return JSON.stringify(value, null, unit).replaceAll("\n", eol + pad);
}

/** A scalar in place of another: bare where that is safe, since most manifests are written so. */
export function scalarText(value: unknown, isJson: boolean): string {
  if (isJson || typeof value !== "string") return inline(value);
  return stringify(value, { lineWidth: 0, compat: "yaml-1.1", blockQuote: false }).trimEnd();
}
