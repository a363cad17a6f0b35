import { Fault } from "@locum/contracts";
import type { AuditDocument } from "../elasticsearch/document.ts";
import { leafHash } from "../merkle/merkle-hash.ts";
import { type Item, itemOf } from "./batches-of.ts";
import type { CursorState } from "./cursor.ts";
import type { Letter, Letters, NewLetter } from "./letters.ts";
import type { Exchange } from "./ship-batch.ts";

export type Replayed = { sent: number; left: number };

const countMax = 1000;
const bytesMax = 4_194_304;

/**
 * Sends what has a dead letter once more, as it is. What is taken, or was there all along, has none from then on; the
 * others are put at the end of the letters. It counts when the cursor is saved, all of it at once: until then the old
 * letters stand and the new copies of them count for nothing.
 * @throws Fault upstream-unreachable where the server does not work: then nothing has changed
 */
export async function replay({
  letters,
  state,
  exchange,
  save,
  logId,
}: {
  letters: Letters;
  state: CursorState;
  exchange: Pick<Exchange, "send" | "standing">;
  save: () => Promise<void>;
  logId: string;
}): Promise<Replayed> {
  const { from } = state.letters;
  const end = letters.end();
  const sent = { quarantined: 0, rejected: 0 };
  let left = 0;
  const seen = new Set<number>();
  const settle = async (batch: Letter[]): Promise<void> => {
    // What the cursor has not passed is not counted yet: its own batch does that.
    const passed = batch.filter(({ seq }) => seq < state.next);
    const taken = await sendLetters(passed, exchange, logId);
    const copies: NewLetter[] = [];
    for (const { number, ...letter } of batch) {
      if (taken.has(letter.seq)) sent[letter.outcome] += 1;
      else copies.push({ ...letter, was: number });
    }
    if (copies.length > 0) await letters.put(copies);
    left += copies.length;
  };

  let batch: Letter[] = [];
  let bytes = 0;
  for await (const letter of letters.read(from)) {
    if (letter.number >= end) break;
    // A copy of a letter that still stands comes from a replay that was cut off.
    if (isStale(letter, from) || seen.has(letter.seq)) continue;
    seen.add(letter.seq);
    if (batch.length >= countMax || bytes > bytesMax) {
      await settle(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(letter);
    bytes += letter.line.length;
  }
  await settle(batch);

  for (const outcome of ["quarantined", "rejected"] as const) {
    const moved = Math.min(sent[outcome], state.counts[outcome]);
    state.counts[outcome] -= moved;
    state.counts.acked += moved;
    state.told[outcome] = Math.min(state.told[outcome], state.counts[outcome]);
  }
  state.letters.from = end;
  state.letters.open = end;
  await save();
  await letters.removeBelow(end);
  return { sent: sent.quarantined + sent.rejected, left };
}

export const isStale = ({ was }: Letter, from: number): boolean => was !== null && was >= from;

/** The records of the letters that are in the stream as they are now. */
async function sendLetters(
  letters: readonly Letter[],
  exchange: Pick<Exchange, "send" | "standing">,
  logId: string,
): Promise<Set<number>> {
  const taken = new Set<number>();
  const documents = new Map<string, { letter: Letter; item: Item; document: AuditDocument }>();
  for (const letter of letters) {
    const item = itemOf(letter.line, { seq: letter.seq, logId });
    const { document } = item;
    if (document) documents.set(document.id, { letter, item, document });
  }
  if (documents.size === 0) return taken;
  const standing = await exchange.standing([...documents.keys()]);
  for (const { id, hash, isEnvelope } of standing ?? []) {
    const found = documents.get(id);
    documents.delete(id);
    // An envelope keeps its place: nobody here may take it away. Once somebody did, the record goes there.
    if (found && !isEnvelope && hash === leafHash(found.letter.line).toString("hex"))
      taken.add(found.letter.seq);
  }
  await sendAll([...documents.values()], { exchange, taken, isLooked: standing !== null });
  return taken;
}

async function sendAll(
  all: { letter: Letter; document: AuditDocument }[],
  options: { exchange: Pick<Exchange, "send">; taken: Set<number>; isLooked: boolean },
): Promise<void> {
  if (all.length === 0) return;
  const { exchange, taken, isLooked } = options;
  const sent = await exchange.send(all.map(({ document }) => document));
  if (!("all" in sent)) {
    for (const [index, { letter }] of all.entries()) {
      const action = sent.rows[index]?.action;
      // Where nobody may look, a conflict of what never had an envelope is the record itself.
      const isThere = action === "compare" && !isLooked && letter.outcome === "quarantined";
      if (action === "acked" || isThere) taken.add(letter.seq);
    }
  } else if (sent.all.action !== "split")
    throw new Fault("upstream-unreachable", `Elasticsearch: ${sent.all.name}`, {
      hint: "Nothing has changed: run locum audit replay again when it works.",
    });
  else if (all.length > 1) {
    const half = Math.ceil(all.length / 2);
    await sendAll(all.slice(0, half), options);
    await sendAll(all.slice(half), options);
  }
}
