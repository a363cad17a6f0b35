import { createHash } from "node:crypto";
import { z } from "zod";
import { type Edit, sorted } from "./edit.ts";

/**
 * How a document's text was before injection: each place of the old text, what stood there, and how long the new text
 * there is. Kept as `locum.dev/source`, with a digest of the old text, so that `uninject` gives it back byte for byte
 * or knows that it cannot. Places count from the document's first node, so that documents can be moved and joined.
 */
const Record_ = z.strictObject({
  v: z.literal(1),
  /** SHA-256 of the old text from its first node to its last, first 32 hex digits; its length. */
  digest: z.string().regex(/^[0-9a-f]{32}$/),
  length: z.number().int().min(0),
  /** [place, removed text, length of the inserted text]; the one that holds this very record counts without it. */
  edits: z.array(z.tuple([z.number().int().min(0), z.string(), z.number().int().min(0)])).max(4096),
  self: z.number().int().min(0),
});
type SourceRecord = z.infer<typeof Record_>;

/** Stands in the new text until its own record is known. */
export const sourcePlaceholder = "locum-source-goes-here";
const recordCharsMax = 262_144;

export const digestOfText = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 32);

/**
 * Puts the record of all edits into the one that holds the placeholder.
 * @param base where the document's first node begins; `old` is its text from there to its end
 */
export function recordSource(edits: readonly Edit[], { base, old }: { base: number; old: string }): Edit[] {
  const ordered = sorted(edits);
  const self = ordered.findIndex(({ insert }) => insert.includes(sourcePlaceholder));
  const record: SourceRecord = {
    v: 1,
    digest: digestOfText(old),
    length: old.length,
    edits: ordered.map(({ at, remove, insert }, index) => [
      at - base,
      old.slice(at - base, at - base + remove),
      insert.length - (index === self ? sourcePlaceholder.length : 0),
    ]),
    self,
  };
  const data = Buffer.from(JSON.stringify(record)).toString("base64url");
  return ordered.map((edit, index) =>
    index === self ? { ...edit, insert: edit.insert.replace(sourcePlaceholder, data) } : edit,
  );
}

/** The edits that take an injected text back, or null where it was changed since, or the record is not one of ours. */
export function takeBack(text: string, base: number, data: string): Edit[] | null {
  const record = readRecord(data);
  if (!record) return null;
  const back: Edit[] = [];
  let grown = 0;
  let last = 0;
  for (const [index, [place, removed, bare]] of record.edits.entries()) {
    if (place < last || place > record.length) return null;
    last = place + removed.length;
    const length = bare + (index === record.self ? data.length : 0);
    const at = base + place + grown;
    if (at + length > text.length) return null;
    if (index === record.self && !text.slice(at, at + length).includes(data)) return null;
    back.push({ at, remove: length, insert: removed });
    grown += length - removed.length;
  }
  return digestOfText(restored(text, base, back, record.length)) === record.digest ? back : null;
}

function restored(text: string, base: number, back: readonly Edit[], length: number): string {
  const parts: string[] = [];
  let at = base;
  for (const edit of back) {
    parts.push(text.slice(at, edit.at), edit.insert);
    at = edit.at + edit.remove;
  }
  const head = parts.join("");
  return head + text.slice(at, at + Math.max(0, length - head.length));
}

function readRecord(data: string): SourceRecord | null {
  if (data.length > recordCharsMax || !/^[A-Za-z0-9_-]+$/.test(data)) return null;
  try {
    return Record_.safeParse(JSON.parse(Buffer.from(data, "base64url").toString("utf8"))).data ?? null;
  } catch {
    return null;
  }
}
