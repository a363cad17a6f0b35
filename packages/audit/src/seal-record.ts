import { AuditEvent, AuditKind, AuditRecord, canonicalJson, Fault, sha256Hex } from "@locum/contracts";

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
  const start = `{"event":${eventText(event)}`;
  const end = `"previous":"${hash}","seq":${seq + 1}}`;
  const own = sha256Hex(`${start},${end}`);
  return {
    record: { seq: seq + 1, event, previous: hash, hash: own },
    line: `${start},"hash":"${own}",${end}`,
  };
}

const isIndex = /^\d+$/;

/** `canonicalJson(event)`, by the engine's own writer: every event of a log passes here. */
export function eventText(event: AuditEvent): string {
  const { actor, at, epoch, facts, incident, instance, kind, reason, service } = event;
  const names = Object.keys(facts);
  // An object's keys that are numbers come first, by their value: no order that can be chosen.
  if (names.some((name) => isIndex.test(name))) return canonicalJson(event);
  const isSorted = names.every((name, place) => place === 0 || (names[place - 1] ?? "") < name);
  const sorted = isSorted ? facts : Object.fromEntries(names.sort().map((name) => [name, facts[name]]));
  return JSON.stringify({
    actor,
    at,
    epoch,
    facts: sorted,
    incident,
    instance,
    kind,
    reason,
    service,
  });
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
  if (isFit(event)) {
    const { actor, at, epoch, facts, incident, instance, kind, reason, service } = event;
    return { actor, at, epoch, facts, incident, instance, kind, reason, service };
  }
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

const kinds: ReadonlySet<string> = new Set(AuditKind.options);
/** The times that machines write, up to the day that every month has. */
const usualTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** Whether there is nothing to cut or to refuse: most events, told without the schema. What it leaves the schema decides. */
function isFit({ actor, at, epoch, facts, incident, instance, kind, reason, service }: AuditEvent): boolean {
  return (
    kinds.has(kind) &&
    usualTime.test(at) &&
    isText(actor, 128) &&
    isText(service, textMax) &&
    isText(reason, textMax) &&
    (instance === null || isText(instance, textMax)) &&
    (incident === null || isText(incident, textMax)) &&
    Number.isSafeInteger(epoch) &&
    epoch >= 0 &&
    areFit(facts)
  );
}

function areFit(facts: unknown): boolean {
  if (typeof facts !== "object" || facts === null || Array.isArray(facts)) return false;
  const entries = Object.entries(facts);
  return (
    entries.length <= factsMax &&
    entries.every(
      ([name, value]) =>
        isText(name, 64) &&
        name !== "__proto__" &&
        (value === null || typeof value === "boolean" || Number.isFinite(value) || isText(value, textMax)),
    )
  );
}

const isText = (text: unknown, max: number): boolean =>
  typeof text === "string" && text.length <= max && text.isWellFormed();

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
