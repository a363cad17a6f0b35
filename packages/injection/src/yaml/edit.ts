/** One change of a text: at `at`, `remove` characters give way to `insert`. */
export type Edit = { at: number; remove: number; insert: string };

/** Thrown inside this folder where no text edit can be made; the document then stays as it is. */
export class Uneditable extends Error {}

/** The text after all edits, which must not overlap. Edits at one place stay in their order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const edit of sorted(edits)) {
    if (edit.at < at) throw new Uneditable("edits overlap");
    parts.push(text.slice(at, edit.at), edit.insert);
    at = edit.at + edit.remove;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

/** By place; what only inserts comes before what replaces at the same place. */
export const sorted = (edits: readonly Edit[]): Edit[] =>
  edits
    .map((edit, index) => ({ edit, index }))
    .sort(
      (a, b) =>
        a.edit.at - b.edit.at || Math.sign(a.edit.remove) - Math.sign(b.edit.remove) || a.index - b.index,
    )
    .map(({ edit }) => edit);
