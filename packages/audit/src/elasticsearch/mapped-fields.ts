import { auditMeasures } from "@locum/contracts";

/** How a field is indexed, in the words of Elasticsearch; only types that every server has. */
export type MappedField = { type: "date" | "keyword" | "long" | "text" | "flattened" } & Record<
  string,
  string | number | boolean
>;

const keyword: MappedField = { type: "keyword", ignore_above: 1024 };
const long: MappedField = { type: "long" };
const text: MappedField = { type: "text" };

/** Fields of ECS, as we use them: what else a document has is kept and not indexed. */
export const ecsFields: Record<string, MappedField> = {
  // A stream refuses a document without a time, so one that cannot be read is an error here and nowhere else.
  "@timestamp": { type: "date", ignore_malformed: false },
  message: text,
  "agent.type": keyword,
  "container.id": keyword,
  "ecs.version": keyword,
  "error.code": keyword,
  "error.message": text,
  "event.action": keyword,
  "event.category": keyword,
  "event.dataset": keyword,
  "event.hash": keyword,
  "event.ingested": { type: "date" },
  "event.kind": keyword,
  "event.module": keyword,
  // The bytes of the log: kept, never searched.
  "event.original": { type: "keyword", index: false, doc_values: false },
  "event.outcome": keyword,
  "event.provider": keyword,
  "event.reason": keyword,
  "event.reference": keyword,
  "event.sequence": long,
  "event.severity": long,
  "event.type": keyword,
  "orchestrator.resource.name": keyword,
  "orchestrator.resource.type": keyword,
  "service.name": keyword,
  "service.node.name": keyword,
};

/** What ECS has no word for. */
export const locumFields: Record<string, MappedField> = {
  "locum.actor": keyword,
  "locum.epoch": long,
  "locum.incident.id": keyword,
  "locum.log.id": keyword,
  // Words that we split, with a space between: no analyzer of every server makes those of the embedded store.
  "locum.words": { type: "text", analyzer: "whitespace", norms: false, index_options: "docs" },
  "locum.details": { type: "flattened", ignore_above: 1024 },
  ...Object.fromEntries(auditMeasures.map((name) => [`locum.measures.${name}`, long])),
};

export const mappedFields: Record<string, MappedField> = { ...ecsFields, ...locumFields };

/**
 * Facts that people ask for, by name: where each fact is a field of its own, these are there from the start, so that no
 * stranger's `outcome.x` can make `outcome` something else than a keyword.
 */
export const askedFacts: readonly string[] = [
  ...[
    "alone",
    "byItself",
    "code",
    "doubled",
    "drill",
    "failure",
    "fault",
    "foreign",
    "from",
    "judged",
    "missing",
  ],
  ...["model", "models", "objectives", "operation", "outcome", "release", "role", "rule", "state", "subject"],
  ...["target", "term", "to", "why", "origin.digest", "origin.seq"],
  ...auditMeasures,
];
