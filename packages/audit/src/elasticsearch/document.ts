import { type AuditEvent, type AuditStream, auditDocumentId, auditMeasures, Fault } from "@locum/contracts";
import { leafHash } from "../merkle/merkle-hash.ts";
import { wordsOf } from "../projection/words-of.ts";
import { readRecordLine } from "../read-record-line.ts";
import { ecsVersion, kindStart, outcomeOf } from "./kind-ecs.ts";

/** One document, ready for a line of a bulk request. */
export type AuditDocument = { id: string; stream: AuditStream; text: string };

/**
 * The ECS document of one line of the log. Put together as text, for it is made for every record: `event.original` is
 * the line, byte for byte, and nothing in the document says more than the line.
 * @throws Fault evidence-invalid where it is no line of a log
 */
export function documentOf(line: string, { logId }: { logId: string }): AuditDocument {
  const { seq, event } = JSON.parse(line) as { seq: number; event: AuditEvent };
  const { kind, service, instance, actor, epoch, incident, reason, facts } = event;
  const quotedReason = quote(reason);
  const outcome = outcomeOf(kind, facts);
  const text = `{"@timestamp":"${timestampOf(event.at)}","message":${quotedReason},${kindStart[kind]}${
    outcome ? `,"outcome":"${outcome}"` : ""
  },"provider":${quote(providerOf(actor))},"reason":${quotedReason},${provenPart(seq, line)}},"service":{"name":${quote(service)}${
    instance === null ? "" : `,"node":{"name":${quote(instance)}}`
  }},${known(facts)}"locum":{"actor":${quote(actor)},"epoch":${epoch},"log":{"id":${quote(logId)}},"words":${quote(
    wordsOf(reason).join(" "),
  )}${incident === null ? "" : `,"incident":{"id":${quote(incident)}}`}${factsPart(facts)}}}`;
  return { id: auditDocumentId(logId, seq), stream: "audit", text };
}

/**
 * The document of a line that no mapping took, of core fields that every mapping takes. A line of more than
 * `originalMax` characters is told by its hash and by where it is in the log.
 * @throws Fault evidence-invalid where it is no line of a log
 */
export function envelopeOf(
  line: string,
  { logId, reason, originalMax = 1_048_576 }: { logId: string; reason: string; originalMax?: number },
): AuditDocument {
  const found = readRecordLine(line);
  const at = recordedAt.exec(line)?.[1];
  if (!found || at === undefined) throw new Fault("evidence-invalid", "expected a line of the log");
  const id = auditDocumentId(logId, found.seq);
  const whole = line.length <= originalMax;
  const text = `{"@timestamp":"${timestampOf(at)}","ecs":{"version":"${ecsVersion}"},"event":{"kind":"pipeline_error","module":"locum","dataset":"locum.audit",${
    whole ? provenPart(found.seq, line) : `${numbered(found.seq, line)},"reference":${quote(`locum:${id}`)}`
  }},"error":{"message":${quote(reason.slice(0, 1000).toWellFormed())}},"locum":{"log":{"id":${quote(logId)}}}}`;
  return { id, stream: "audit", text };
}

const quote = (text: string): string => JSON.stringify(text);

/** In canonical JSON the time follows the actor; inside a string its quotes would be escaped. */
const recordedAt = /,"at":"([^"]+)"/;

const numbered = (seq: number, line: string): string =>
  `"sequence":${seq},"hash":"${leafHash(line).toString("hex")}"`;
const provenPart = (seq: number, line: string): string => `${numbered(seq, line)},"original":${quote(line)}`;

const usualTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Elasticsearch reads nine digits of a second and no more, and the time of a document of a stream must be read. */
const timestampOf = (at: string): string => (usualTime.test(at) ? at : new Date(at).toISOString());

/** `sidecar:a` is a sidecar. */
const providerOf = (actor: string): string => actor.split(":", 1)[0] ?? actor;

/** Facts that ECS has a field for. */
function known({ code, pod, container }: AuditEvent["facts"]): string {
  let text = "";
  if (typeof code === "string" && code !== "") text += `"error":{"code":${quote(code)}},`;
  if (typeof pod === "string") text += `"orchestrator":{"resource":{"type":"pod","name":${quote(pod)}}},`;
  if (typeof container === "string") text += `"container":{"id":${quote(container)}},`;
  return text;
}

/** A name that can be asked for; others are in the original only: a dot too many, and no server takes the document. */
const askable = /^[\w:-]+(?:\.[\w:-]+)*$/;
const measures = new Set<string>(auditMeasures);

/** Every value as the keyword that it is in the index, so that all servers make the same of it; null is none. */
function factsPart(facts: AuditEvent["facts"]): string {
  let details = "";
  let numbers = "";
  for (const name in facts) {
    const value = facts[name];
    if (value === null || value === undefined || !askable.test(name)) continue;
    details += `${details && ","}"${name}":${quote(String(value))}`;
    if (typeof value === "number" && measures.has(name) && Number.isSafeInteger(Math.trunc(value)))
      numbers += `${numbers && ","}"${name}":${Math.trunc(value)}`;
  }
  return `${details && `,"details":{${details}}`}${numbers && `,"measures":{${numbers}}`}`;
}
