import { dataView } from "../data-view.ts";

export type KibanaRule = { id: string; body: Record<string, unknown> };

/** Bodies of `POST /api/alerting/rule/{id}`, for Kibana 8.19 to 9.x. They come without a connector: who hears it is yours. */
export const kibanaRules = (): KibanaRule[] => [
  {
    id: "locum-gap-found",
    body: rule("Locum: the log or its copy was changed", "5m", records(gap)),
  },
  {
    id: "locum-dead-letter",
    body: rule(
      "Locum: records that Elasticsearch did not take as they are",
      "5m",
      records({ term: { "event.action": "audit.reject" } }),
    ),
  },
  {
    id: "locum-clock",
    body: rule(
      "Locum: an incident is open for two of the three days in which it may have to be reported (no clock is on record yet: its age stands for one)",
      "15m",
      esql(
        [
          `FROM ${dataView.pattern}`,
          'WHERE event.action IN ("incident.open", "incident.close")',
          'STATS opened = MIN(@timestamp), closed = COUNT(*) WHERE event.action == "incident.close" BY service.name, locum.incident.id',
          "WHERE closed == 0 AND opened < NOW() - 48 hours",
        ],
        30,
      ),
    ),
  },
  {
    id: "locum-promotion-without-intent",
    body: rule(
      "Locum: a promotion without an intent",
      "5m",
      esql(
        [
          `FROM ${dataView.pattern}`,
          'WHERE event.action IN ("promote.intent", "promote.commit")',
          // An intent may be older than the first commit that is looked at: a day of them is kept aside.
          'STATS intents = COUNT(*) WHERE event.action == "promote.intent", commits = COUNT(*) WHERE event.action == "promote.commit" AND @timestamp > NOW() - 24 hours BY service.name, locum.epoch',
          "WHERE commits > 0 AND intents == 0",
        ],
        2,
      ),
    ),
  },
];

const rule = (name: string, interval: string, params: Record<string, unknown>): Record<string, unknown> => ({
  name,
  rule_type_id: ".es-query",
  consumer: "alerts",
  enabled: true,
  tags: ["locum"],
  schedule: { interval },
  actions: [],
  params,
});

const shared = {
  timeField: "@timestamp",
  thresholdComparator: ">",
  threshold: [0],
  aggType: "count",
} as const;

/** Of a comparison: what was missing, doubled or not the log's. Facts are keywords. */
const gap = {
  bool: {
    minimum_should_match: 1,
    should: [
      { terms: { "event.action": ["audit.differ", "witness.refuse"] } },
      {
        bool: {
          filter: [{ term: { "event.action": "audit.reconcile" } }],
          minimum_should_match: 1,
          should: [
            { range: { "locum.measures.count": { gt: 0 } } },
            ...["locum.details.doubled", "locum.details.foreign"].map((field) => ({
              bool: { filter: [{ exists: { field } }], must_not: [{ term: { [field]: "0" } }] },
            })),
          ],
        },
      },
    ],
  },
};

const records = (query: Record<string, unknown>): Record<string, unknown> => ({
  ...shared,
  searchType: "esQuery",
  index: [dataView.pattern],
  esQuery: JSON.stringify({ query }),
  size: 100,
  // A record carries the time at which it was written: one that was shipped hours later is found, too.
  timeWindowSize: 1,
  timeWindowUnit: "d",
  groupBy: "all",
  excludeHitsFromPreviousRun: true,
});

const esql = (pipeline: readonly string[], days: number): Record<string, unknown> => ({
  ...shared,
  searchType: "esqlQuery",
  esqlQuery: { esql: pipeline.join(" | ") },
  size: 0,
  timeWindowSize: days,
  timeWindowUnit: "d",
  groupBy: "all",
  excludeHitsFromPreviousRun: false,
});
