import { isInBatch, proveLine, readBatch } from "@locum/audit/inference";
import { type AuditRecord, type Client, Fault, type InferenceRecord } from "@locum/contracts";
import type { BatchSource } from "./open-batch-source.ts";

/** A record of a request, and the way from it to the root that the audit log holds. */
export type FoundAnswer = {
  record: InferenceRecord;
  line: string;
  batch: { name: string; root: string; count: number; index: number; path: string[] };
  /** `inference.root` in the audit log. */
  logged: AuditRecord;
};
export type Search = {
  found: FoundAnswer[];
  batches: number;
  /** Named in the log and not in the source. */
  missing: string[];
  /** Of another root than the log has. */
  altered: string[];
};

const pageSize = 1000;

/**
 * Every record of a request: one of the sidecar that its client spoke to, and one more where that asked another
 * instance. Looks through the batches that the log names, the newest first; an id that was made by a tap begins with
 * its time, and only batches of that time are read.
 */
export async function findAnswer(
  id: string,
  { client, source }: { client: Pick<Client, "searchAudit">; source: BatchSource },
): Promise<Search> {
  const search: Search = { found: [], batches: 0, missing: [], altered: [] };
  const seen = new Set<string>();
  for await (const logged of rootsOf(client, timeOf(id))) {
    const { batch: name, root, count } = logged.event.facts;
    // A root that was logged twice around a crash is one.
    if (typeof name !== "string" || typeof root !== "string" || typeof count !== "number" || seen.has(name))
      continue;
    seen.add(name);
    search.batches += 1;
    const text = await source.get(name);
    if (text === undefined) search.missing.push(name);
    else if (!(await look(id, text, { name, root, count, logged, search }))) search.altered.push(name);
    // Whoever answered wrote one itself: with that one nothing more has to be known.
    if (search.found.some(({ record }) => (record.answeredBy ?? record.instance) === record.instance)) break;
  }
  return search;
}

/** Adds what a batch has of the request; false where the batch is not the one that the log names. */
async function look(
  id: string,
  text: string,
  {
    name,
    root,
    count,
    logged,
    search,
  }: { name: string; root: string; count: number; logged: AuditRecord; search: Search },
): Promise<boolean> {
  const { batch, lines, records } = await readBatch(text);
  if (batch?.root !== root || batch.count !== count) return false;
  for (const [index, record] of records.entries()) {
    if (record.id !== id) continue;
    const line = lines[index] ?? "";
    const path = await proveLine(lines, index);
    if (!isInBatch({ line, index, path, root, count })) return false;
    const proof = { name, root, count, index, path: path.map((hash) => hash.toString("base64")) };
    search.found.push({ record, line, batch: proof, logged });
  }
  return true;
}

async function* rootsOf(
  client: Pick<Client, "searchAudit">,
  atMs: number | undefined,
): AsyncGenerator<AuditRecord> {
  let after: (string | number)[] | undefined;
  do {
    const page = await client.searchAudit({
      filter: [{ op: "term", field: "kind", value: "inference.root" }],
      sort: [{ field: "seq", order: "desc" }],
      limit: pageSize,
      ...(after ? { after } : {}),
    });
    for (const record of page.records) {
      const { firstAt, lastAt } = record.event.facts;
      const isOfThen =
        atMs === undefined || (atMs >= Date.parse(String(firstAt)) && atMs <= Date.parse(String(lastAt)));
      if (isOfThen) yield record;
    }
    after = (page.next as (string | number)[] | null) ?? undefined;
  } while (after);
}

/** When a tap made the id; undefined where a client did. */
function timeOf(id: string): number | undefined {
  const [, time] = /^([0-9a-f]{12})-[0-9a-f]{32}$/.exec(id) ?? [];
  return time === undefined ? undefined : Number.parseInt(time, 16);
}

/** @throws Fault not-found | evidence-invalid */
export function assertFound(id: string, { found, batches, missing, altered }: Search, place: string): void {
  if (found.length > 0) return;
  const [first] = altered;
  if (first !== undefined)
    throw new Fault("evidence-invalid", `${first}: its records are not those whose root the audit log has`, {
      hint: "The request may have been in it. Compare it with a copy.",
    });
  throw new Fault("not-found", `no record of ${id} in ${batches} batches of ${place}`, {
    hint:
      missing.length > 0
        ? `${missing.length} batches that the log names are not there, such as ${missing[0]}.`
        : "Records come within a batch: at the latest a minute after the request, as configured.",
  });
}
