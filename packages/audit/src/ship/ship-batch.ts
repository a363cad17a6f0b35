import { type AuditDocument, envelopeOf } from "../elasticsearch/document.ts";
import { leafHash } from "../merkle/merkle-hash.ts";
import type { Item } from "./batches-of.ts";
import type { ItemOutcome, RequestOutcome } from "./bulk-outcome.ts";
import type { Counts } from "./cursor.ts";
import type { Letter } from "./letters.ts";
import type { Standing } from "./look-up.ts";
import { type ResponseRow, responseRow } from "./response-table.ts";

/** What became of a record. A document that differs is one that stands under the record's id and is not the record. */
export type Fate = "acked" | "differing" | "quarantined" | "rejected";

/** How a batch reaches the outside. Each call rejects when the shipper closes. */
export type Exchange = {
  /** Waits for its turn, and asks once. */
  send(documents: readonly AuditDocument[]): Promise<Sent>;
  /** What stands under the ids, however long the answer takes; null where nobody may look. */
  standing(ids: readonly string[]): Promise<Standing[] | null>;
  /** Puts dead letters for those that have none, however long the disk takes. */
  keep(letters: readonly { item: Item; outcome: Letter["outcome"]; reason: string }[]): Promise<void>;
  /** Told once for each record. */
  settled(item: Item, fate: Fate): void;
  /** Some of what was sent has to be sent again. */
  retried(): void;
};
export type Sent =
  | { rows: readonly ResponseRow[]; outcomes: readonly ItemOutcome[] }
  | { all: ResponseRow; reason?: string };

export type ShipOptions = {
  logId: string;
  /** The first record that was never sent before: what may have been sent is looked for first. */
  sentTo?: number;
  /** Records that have a dead letter, from before a restart. */
  letters?: ReadonlyMap<number, Letter["outcome"]>;
};

type Waiting = { item: Item; document: AuditDocument; inDoubt: boolean; isEnvelope: boolean };

/** Sends the records of a batch until each of them is accounted for. Idempotent: it can be done again from the start. */
export async function shipBatch(
  items: readonly Item[],
  exchange: Exchange,
  { logId, sentTo = 0, letters = new Map() }: ShipOptions,
): Promise<void> {
  let waiting = await begin(items, exchange, { logId, sentTo, letters });
  let countMax = waiting.length;
  while (waiting.length > 0) {
    waiting = await withoutStanding(waiting, exchange);
    const now = waiting.slice(0, countMax);
    if (now.length === 0) break;
    const sent = await exchange.send(now.map(({ document }) => document));
    let again: Waiting[];
    if (!("all" in sent)) again = await settleItems(now, sent, exchange, logId);
    else if (sent.all.action !== "split") again = now.map((one) => doubted(one, sent.all));
    else if (now.length > 1) {
      countMax = Math.ceil(now.length / 2);
      again = now;
    } else again = await withoutOriginal(now, exchange, logId);
    if (again.length > 0) exchange.retried();
    waiting = [...again, ...waiting.slice(now.length)];
  }
}

async function begin(
  items: readonly Item[],
  exchange: Exchange,
  { logId, sentTo, letters }: Required<ShipOptions>,
): Promise<Waiting[]> {
  const waiting: Waiting[] = [];
  const damaged: Item[] = [];
  for (const item of items) {
    const letter = letters.get(item.seq);
    const { document } = item;
    if (letter === "quarantined") exchange.settled(item, "quarantined");
    else if (document === null) {
      if (letter === undefined) damaged.push(item);
      else exchange.settled(item, "rejected");
    } else {
      const isEnvelope = letter === "rejected";
      waiting.push({
        item,
        document: isEnvelope ? envelopeOf(item.line, { logId, reason: "refused before" }) : document,
        inDoubt: item.seq < sentTo,
        isEnvelope,
      });
    }
  }
  const reason = "the line in the log is damaged: locum audit verify says more";
  await reject(damaged, exchange, reason);
  for (const item of damaged) exchange.settled(item, "rejected");
  return waiting;
}

/** Settles what is there already. A create would not see it where the stream writes to another index by now. */
async function withoutStanding(waiting: Waiting[], exchange: Exchange): Promise<Waiting[]> {
  const doubtful = waiting.filter(({ inDoubt }) => inDoubt);
  if (doubtful.length === 0) return waiting;
  const standing = await exchange.standing(doubtful.map(({ document }) => document.id));
  const found = groupById(standing ?? []);
  const settled = new Set<Waiting>();
  for (const one of doubtful) {
    const there = found.get(one.document.id);
    if (there) {
      await settleStanding(one, there, exchange);
      settled.add(one);
    }
    one.inDoubt = false;
  }
  return waiting.filter((one) => !settled.has(one));
}

async function settleItems(
  sent: Waiting[],
  { rows, outcomes }: Extract<Sent, { rows: unknown }>,
  exchange: Exchange,
  logId: string,
): Promise<Waiting[]> {
  const again: Waiting[] = [];
  const compare: Waiting[] = [];
  const quarantine: [Waiting, ItemOutcome][] = [];
  const refused: [Waiting, ItemOutcome][] = [];
  for (const [index, one] of sent.entries()) {
    const row = rows[index];
    const outcome = outcomes[index];
    if (!row || !outcome) throw new Error("broken invariant: an outcome an item");
    if (row.action === "acked") exchange.settled(one.item, fateOf(one));
    else if (row.action === "compare") compare.push(one);
    else if (row.action === "quarantine") quarantine.push([one, outcome]);
    else if (row.action === "envelope") refused.push([one, outcome]);
    else again.push(doubted(one, row));
  }
  await settleConflicts(compare, exchange);
  await exchange.keep(
    quarantine.map(([{ item }, outcome]) => ({ item, outcome: "quarantined", reason: wordsOf(outcome) })),
  );
  for (const [{ item }] of quarantine) exchange.settled(item, "quarantined");
  return [...again, ...(await toEnvelopes(refused, exchange, logId))];
}

async function settleConflicts(conflicts: Waiting[], exchange: Exchange): Promise<void> {
  if (conflicts.length === 0) return;
  const standing = await exchange.standing(conflicts.map(({ document }) => document.id));
  const found = groupById(standing ?? []);
  for (const one of conflicts) {
    const there = found.get(one.document.id);
    // Where nobody may look, the conflict alone says that the id is taken; where it is gone again, the next look at
    // the counts finds that.
    if (there) await settleStanding(one, there, exchange);
    else exchange.settled(one.item, fateOf(one));
  }
}

async function settleStanding(one: Waiting, there: Standing[], exchange: Exchange): Promise<void> {
  const hash = leafHash(one.item.line).toString("hex");
  if (there.some((standing) => standing.hash !== hash)) exchange.settled(one.item, "differing");
  else if (!there.every(({ isEnvelope }) => isEnvelope)) exchange.settled(one.item, "acked");
  else {
    if (!one.isEnvelope) await reject([one.item], exchange, "found as an envelope");
    exchange.settled(one.item, "rejected");
  }
}

/** Documents that no mapping takes go as envelopes; an envelope that is refused stays in its dead letter alone. */
async function toEnvelopes(
  refused: [Waiting, ItemOutcome][],
  exchange: Exchange,
  logId: string,
): Promise<Waiting[]> {
  const fresh = refused.filter(([{ isEnvelope }]) => !isEnvelope);
  await exchange.keep(
    fresh.map(([{ item }, outcome]) => ({ item, outcome: "rejected", reason: wordsOf(outcome) })),
  );
  for (const [{ item, isEnvelope }] of refused) if (isEnvelope) exchange.settled(item, "rejected");
  return fresh.map(([one, outcome]) => ({
    ...one,
    isEnvelope: true,
    document: envelopeOf(one.item.line, { logId, reason: wordsOf(outcome) }),
  }));
}

/** One document that alone is too large for a request. */
async function withoutOriginal(alone: Waiting[], exchange: Exchange, logId: string): Promise<Waiting[]> {
  const reason = "the document is larger than the server's limit of a request";
  await reject(
    alone.filter(({ isEnvelope }) => !isEnvelope).map(({ item }) => item),
    exchange,
    reason,
  );
  return alone.map((one) => ({
    ...one,
    isEnvelope: true,
    document: envelopeOf(one.item.line, { logId, reason, originalMax: 0 }),
  }));
}

const reject = (items: readonly Item[], exchange: Exchange, reason: string): Promise<void> =>
  exchange.keep(items.map((item) => ({ item, outcome: "rejected" as const, reason })));

const fateOf = ({ isEnvelope }: Waiting): Fate => (isEnvelope ? "rejected" : "acked");

const doubted = (one: Waiting, row: ResponseRow): Waiting => (row.inDoubt ? { ...one, inDoubt: true } : one);

const wordsOf = ({ type, reason, status }: ItemOutcome): string =>
  type || reason ? `${type}: ${reason}` : `status ${status}`;

function groupById(standing: readonly Standing[]): Map<string, Standing[]> {
  const groups = new Map<string, Standing[]>();
  for (const one of standing) groups.set(one.id, [...(groups.get(one.id) ?? []), one]);
  return groups;
}

/** Rows for the outcomes of a request. */
export function rowsOf(outcome: ItemOutcome[] | RequestOutcome): Sent {
  return Array.isArray(outcome)
    ? { rows: outcome.map(responseRow), outcomes: outcome }
    : { all: responseRow(outcome), reason: toldOf(outcome) };
}

const toldOf = (outcome: RequestOutcome): string =>
  outcome.of === "request" ? `${outcome.status} ${outcome.type} ${outcome.reason}`.trim() : outcome.reason;

/** Counts by fate: a record that differs is accounted for, and counted beside. */
export function countFate(counts: Counts, fate: Fate): void {
  if (fate === "differing") {
    counts.acked += 1;
    counts.differing += 1;
  } else counts[fate] += 1;
}
