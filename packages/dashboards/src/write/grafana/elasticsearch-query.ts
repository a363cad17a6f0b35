import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  DataqueryBuilder,
  DateHistogramBuilder,
  FiltersBuilder,
  type MetricAggregation,
  type MetricAggregationType,
  TermsBuilder,
  TermsOrder,
} from "@grafana/grafana-foundation-sdk/elasticsearch";
import { elasticsearchField } from "@locum/contracts";
import type { AuditSource } from "../../model.ts";
import { luceneOf } from "../lucene.ts";

export const auditSource = { type: "elasticsearch", uid: "$audit" };
const rows = 100;

/** What a panel asks Elasticsearch by Grafana: the index is the data source's. */
export function elasticsearchQuery(source: AuditSource): DataqueryBuilder {
  const query = new DataqueryBuilder()
    .refId("A")
    .datasource(auditSource)
    .timeField("@timestamp")
    .query(luceneOf(source.filter));
  switch (source.kind) {
    case "count":
      return query.metrics([figure("count", "1")]).bucketAggs([everything]);
    case "bars":
      return query
        .metrics([figure("count", "1")])
        .bucketAggs([terms("2", elasticsearchField(source.by), source.size)]);
    case "groups":
      return query.metrics([figure("count", "1")]).bucketAggs([
        new FiltersBuilder().id("2").settings({
          filters: Object.entries(source.groups).map(([label, condition]) => ({
            label,
            query: luceneOf([condition]),
          })),
        }),
      ]);
    case "histogram":
      return query
        .metrics([figure("count", "1")])
        .bucketAggs([...(source.by ? [terms("3", elasticsearchField(source.by), 20)] : []), overTime]);
    case "stats":
      return query
        .metrics(
          source.show.map((of, index) =>
            figure(of, String(index + 1), { field: elasticsearchField(source.of) }),
          ),
        )
        .bucketAggs([everything]);
    case "table":
      return query.metrics([figure("raw_data", "1", { settings: { size: String(rows) } })]).bucketAggs([]);
  }
}

/** The SDK's own builders of figures write "unknown" as the type of each. */
const figure = (
  type: MetricAggregationType,
  id: string,
  rest: { field?: string; settings?: { size: string } } = {},
): Builder<MetricAggregation> => ({ build: () => ({ type, id, ...rest }) as MetricAggregation });

/** One bucket with everything in it: buckets of time would make a mean of means. */
const everything = new FiltersBuilder().id("2").settings({ filters: [{ query: "*", label: "all" }] });

const overTime = new DateHistogramBuilder()
  .id("2")
  .field("@timestamp")
  .settings({ interval: "auto", min_doc_count: "0" });

const terms = (id: string, field: string, size: number): TermsBuilder =>
  new TermsBuilder()
    .id(id)
    .field(field)
    .settings({ size: String(size), order: TermsOrder.Desc, orderBy: "_count", min_doc_count: "1" });
