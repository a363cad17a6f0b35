import type { Output } from "../output.ts";
import type { Change } from "./plan-changes.ts";

const fieldsShown = 8;

/** One line a change with its fields below it, then one of counts; what stays is counted only. */
export function showChanges(
  out: Output,
  changes: readonly Change[],
  rest: Record<string, unknown> = {},
): void {
  const shown = changes.filter(({ act }) => act !== "same");
  for (const { object, act, fields, rolls } of shown) {
    const word = out.paint(act === "remove" ? "warn" : "good", act.padEnd(6));
    out.say(`${word}  ${object}${rolls && act === "change" ? "  (its pods roll)" : ""}`);
    for (const field of fields.slice(0, fieldsShown)) out.say(`          ${field}`);
    if (fields.length > fieldsShown) out.say(`          and ${fields.length - fieldsShown} more`);
  }
  out.say(`${shown.length} to change, ${changes.length - shown.length} as they should be`);
  out.summary({ changes, ...rest });
}
