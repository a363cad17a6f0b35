import { type Action, type ResponseRow, responseTable } from "./response-table.ts";
import { shipProblems } from "./ship-problems.ts";

const actions: Record<Action, string> = {
  acked: "acknowledged",
  quarantine: "counted as quarantined; a dead letter is kept",
  compare: "the document that is there is compared: the same is acknowledged, another is told as tampering",
  again: "sent again, with fewer requests at once",
  away: "asked again, one request at a time",
  operator: "asked again slowly: somebody has to mend something",
  split: "sent in halves; a document too large alone goes without its original",
  envelope: "sent as an envelope of core fields; a dead letter is kept, and it is counted as rejected",
};

/** docs/elasticsearch-copy.md: what the shipper does about each answer, and what can be in view. */
export function copyDoc(): string {
  return `# How the audit log is copied

The collector copies its log to Elasticsearch or OpenSearch by itself ([how to prepare one](elasticsearch.md)); nothing waits
for it, and the log stays the truth. \`locum audit shipping\` says how the copy stands: every record is acknowledged,
quarantined, rejected or pending, and the four add up to the length of the log at any time.

- A record's id says which log it is of and its number, so a second try makes no second document. A conflict is seen in the
  stream's newest index only: what may have been done although no answer came is looked for in the whole stream before it is
  sent again, after a restart and a lost cursor too.
- At most four batches are in memory, of 1000 documents or 4 MiB each, however long the log. Up to four requests are under
  way, fewer when the server is busy, one when it is away. Waits grow to 30 s and have no end.
- A look at the counts, block by block, comes with each start, each hour (\`reconcileMs\`) and each outage: what is missing
  is sent again, what is there twice is told. New records are counted each time, old ones a million at a time in turn.
- Dead letters are in the collector's folder, each with its record and the reason; \`locum audit replay\` sends them again as
  they are. An envelope keeps the record's place in the stream until somebody who may deletes it.
- What was refused, what differs and what was missing is told in the log itself: \`audit.reject\`, \`audit.differ\`,
  \`audit.reconcile\`.

## Answers

The first row that fits holds. "Looked for": it may have been done all the same.

| answer | to | status | error | then | looked for |
| --- | --- | --- | --- | --- | --- |
${responseTable.map(answerLine).join("\n")}

## Problems

| code | what it is | what to do |
| --- | --- | --- |
${Object.entries(shipProblems)
  .map(([code, [what, todo]]) => `| \`${code}\` | ${what} | ${todo} |`)
  .join("\n")}
`;
}

function answerLine(row: ResponseRow): string {
  const { name, of, status, types = [], reason, failureStore, plainIndex, isSmall, action, inDoubt } = row;
  const to = of === "item" ? "a document" : "a request";
  const code = status ? (status[0] === status[1] ? String(status[0]) : `${status[0]}–${status[1]}`) : "any";
  const errors = [
    ...types.map((type) => `\`${type}\``),
    ...(reason ? ["the pipeline is not there"] : []),
    ...(failureStore ? ["`failure_store: used`"] : []),
    ...(plainIndex ? ["the index has the stream's name"] : []),
    ...(isSmall ? ["of one small document"] : []),
  ];
  const shown = of === "none" || of === "unreadable" ? "" : code;
  return `| ${name} | ${to} | ${shown} | ${errors.join(", ")} | ${actions[action]} | ${inDoubt ? "yes" : ""} |`;
}
