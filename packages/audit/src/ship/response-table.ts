import type { BulkOutcome } from "./bulk-outcome.ts";
import type { ShipProblem } from "./ship-problems.ts";

/**
 * What is done about an answer.
 * - acked: the document is in the stream.
 * - quarantine: the failure store took it; a dead letter is kept here as well.
 * - compare: a document with this id is there; it is the record's, or somebody changed it.
 * - again: the server is busy.
 * - away: nobody answers who could do the work; one request at a time asks whether that is over.
 * - operator: no document is at fault; it is tried slowly and a problem is in view until somebody mends it.
 * - split: half of it at a time.
 * - envelope: no mapping takes this document; its core fields and its original go instead.
 */
export type Action =
  | "acked"
  | "quarantine"
  | "compare"
  | "again"
  | "away"
  | "operator"
  | "split"
  | "envelope";

export type ResponseRow = {
  name: string;
  of: BulkOutcome["of"];
  /** From and to. */
  status?: readonly [number, number];
  /** Error types, of Elasticsearch and of OpenSearch. */
  types?: readonly string[];
  reason?: RegExp;
  failureStore?: "used";
  plainIndex?: true;
  /** It was one document of core fields, or not much more. */
  isSmall?: true;
  action: Action;
  /** Whether it may have been done all the same: then it is looked for before it is sent again. */
  inDoubt?: true;
  problem?: ShipProblem;
};

const blocked = ["cluster_block_exception", "index_create_block_exception"] as const;
const overloaded = [
  "es_rejected_execution_exception",
  "rejected_execution_exception",
  "open_search_rejected_execution_exception",
  "circuit_breaking_exception",
] as const;

/** The first row that fits holds. Every outcome has one: the last row of each kind fits everything. */
export const responseTable: readonly ResponseRow[] = [
  { name: "no answer", of: "none", action: "away", inDoubt: true, problem: "es-unreachable" },
  { name: "no bulk answer", of: "unreadable", action: "away", inDoubt: true, problem: "es-unreadable" },

  {
    name: "a small request is too large",
    of: "request",
    status: [413, 413],
    isSmall: true,
    action: "operator",
    problem: "es-refuses",
  },
  { name: "request too large", of: "request", status: [413, 413], action: "split" },
  {
    name: "request blocked",
    of: "request",
    status: [400, 429],
    types: blocked,
    action: "operator",
    problem: "es-blocked",
  },
  { name: "request refused as busy", of: "request", status: [429, 429], action: "again" },
  {
    name: "request timed out",
    of: "request",
    status: [408, 408],
    action: "away",
    inDoubt: true,
    problem: "es-failing",
  },
  {
    name: "server failed",
    of: "request",
    status: [500, 599],
    action: "away",
    inDoubt: true,
    problem: "es-failing",
  },
  {
    name: "key refused",
    of: "request",
    status: [401, 403],
    action: "operator",
    problem: "es-not-authorised",
  },
  { name: "nothing there", of: "request", status: [404, 404], action: "operator", problem: "es-not-set-up" },
  { name: "request refused", of: "request", action: "operator", problem: "es-refuses" },

  {
    name: "made a plain index",
    of: "item",
    status: [201, 201],
    plainIndex: true,
    action: "operator",
    problem: "es-not-set-up",
  },
  {
    name: "taken by the failure store",
    of: "item",
    status: [201, 201],
    failureStore: "used",
    action: "quarantine",
  },
  { name: "created", of: "item", status: [201, 201], action: "acked" },
  { name: "there already", of: "item", status: [409, 409], action: "compare" },
  {
    name: "item blocked",
    of: "item",
    status: [400, 429],
    types: blocked,
    action: "operator",
    problem: "es-blocked",
  },
  { name: "item refused as busy", of: "item", status: [429, 429], types: overloaded, action: "again" },
  { name: "item refused for now", of: "item", status: [429, 429], action: "again" },
  { name: "item timed out", of: "item", status: [408, 408], action: "again", inDoubt: true },
  { name: "item failed", of: "item", status: [500, 599], action: "again", inDoubt: true },
  {
    name: "key refused for an item",
    of: "item",
    status: [401, 403],
    action: "operator",
    problem: "es-not-authorised",
  },
  { name: "no such stream", of: "item", status: [404, 404], action: "operator", problem: "es-not-set-up" },
  {
    name: "its pipeline is missing",
    of: "item",
    status: [400, 400],
    reason: /^pipeline with id \[.*\] does not exist/,
    action: "operator",
    problem: "es-not-set-up",
  },
  {
    name: "stream closed or misnamed",
    of: "item",
    status: [400, 400],
    types: ["index_closed_exception", "invalid_index_name_exception"],
    action: "operator",
    problem: "es-refuses",
  },
  {
    name: "no mapping takes it",
    of: "item",
    status: [400, 400],
    types: [
      "document_parsing_exception",
      "mapper_parsing_exception",
      "strict_dynamic_mapping_exception",
      "illegal_argument_exception",
    ],
    action: "envelope",
  },
  { name: "document refused", of: "item", status: [400, 400], action: "envelope" },
  { name: "document too large", of: "item", status: [413, 413], action: "envelope" },
  { name: "item answered otherwise", of: "item", action: "again", inDoubt: true, problem: "es-unreadable" },
];

export function responseRow(outcome: BulkOutcome): ResponseRow {
  const row = responseTable.find((candidate) => fits(candidate, outcome));
  if (!row) throw new Error(`broken invariant: no row for an outcome of ${outcome.of}`);
  return row;
}

function fits(row: ResponseRow, outcome: BulkOutcome): boolean {
  if (row.of !== outcome.of) return false;
  if (outcome.of === "none" || outcome.of === "unreadable") return true;
  const [from, to] = row.status ?? [0, Number.POSITIVE_INFINITY];
  return (
    outcome.status >= from &&
    outcome.status <= to &&
    (row.types === undefined || row.types.includes(outcome.type)) &&
    (row.reason === undefined || row.reason.test(outcome.reason)) &&
    (row.failureStore === undefined ||
      (outcome.of === "item" && outcome.failureStore === row.failureStore)) &&
    (row.isSmall === undefined || (outcome.of === "request" && outcome.isSmall)) &&
    (row.plainIndex === undefined || (outcome.of === "item" && outcome.plainIndex))
  );
}
