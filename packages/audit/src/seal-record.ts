import { AuditEvent, AuditRecord, canonicalJson, Fault, sha256Hex } from "@locum/contracts";

/** What the first record has as its `previous`. */
export const genesis = "0".repeat(64);

export type Link = { seq: number; hash: string };
export const noRecord: Link = { seq: -1, hash: genesis };

/** The next record of a chain: its hash binds number, event and everything before it. */
export function sealRecord(event: AuditEvent, previous: Link): AuditRecord {
  return sealLine(event, previous).record;
}

/** The same with its line: the event is put into its canonical form once, for that is most of the work. */
export function sealLine(event: AuditEvent, { seq, hash }: Link): { record: AuditRecord; line: string } {
  const start = `{"event":${canonicalJson(event)}`;
  const end = `"previous":"${hash}","seq":${seq + 1}}`;
  const own = sha256Hex(`${start},${end}`);
  return {
    record: { seq: seq + 1, event, previous: hash, hash: own },
    line: `${start},"hash":"${own}",${end}`,
  };
}

/**
 * Reads one line of a log and proves that it follows `previous` (undefined where the record before is not at hand).
 * @throws Fault evidence-invalid, which names the number
 */
export function openRecord(line: string, previous: Link | undefined): AuditRecord {
  const expected = previous ? `record ${previous.seq + 1}` : "a record";
  const parsed = AuditRecord.safeParse(parseJson(line));
  if (!parsed.success) throw new Fault("evidence-invalid", `expected ${expected}, found a damaged line`);
  const { hash, ...body } = parsed.data;
  if (sha256Hex(canonicalJson(body)) !== hash || canonicalJson(parsed.data) !== line)
    throw new Fault("evidence-invalid", `record ${body.seq} was changed: its hash is another`);
  if (previous && (body.seq !== previous.seq + 1 || body.previous !== previous.hash))
    throw new Fault("evidence-invalid", `expected ${expected}, found record ${body.seq} of another chain`);
  return parsed.data;
}

const textMax = 1000;
const factsMax = 64;

/**
 * An event as the log can hold it: texts cut to their limit, well formed, finite. An overlong reason must not keep the
 * fact itself out of the log.
 * @throws Fault request-invalid where kind, time or shape are wrong
 */
export function fitEvent(event: AuditEvent): AuditEvent {
  const facts = Object.entries(event.facts ?? {})
    .slice(0, factsMax)
    .map(([name, value]) => [name.toWellFormed().slice(0, 64), fitFact(value)] as const);
  const fitted = AuditEvent.safeParse({
    ...event,
    actor: fitText(event.actor, 128),
    service: fitText(event.service, textMax),
    instance: event.instance === null ? null : fitText(event.instance, textMax),
    incident: event.incident === null ? null : fitText(event.incident, textMax),
    reason: fitText(event.reason, textMax),
    facts: Object.fromEntries(facts),
  });
  if (fitted.success) return fitted.data;
  const [issue] = fitted.error.issues;
  throw new Fault("request-invalid", `not an audit event: ${issue?.path.join(".")}: ${issue?.message}`);
}

function fitFact(value: unknown): unknown {
  if (typeof value === "string") return fitText(value, textMax);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** Cut and then made well formed: a cut can split a surrogate pair. */
function fitText(text: unknown, max: number): unknown {
  return typeof text === "string" ? text.slice(0, max).toWellFormed() : text;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
