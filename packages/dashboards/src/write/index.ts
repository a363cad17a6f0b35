export { dataView } from "./data-view.ts";
export { fieldsOf } from "./fields-of.ts";
export { dashboardFiles } from "./files.ts";
export { type KibanaRule, kibanaRules } from "./kibana/alert-rules.ts";
export { apiDashboard } from "./kibana/dashboards-api.ts";
export { kibanaLibrary, kibanaObjects } from "./kibana/kibana-objects.ts";
export { kqlOf } from "./kql.ts";
export { luceneOf } from "./lucene.ts";
export { openSearchObjects } from "./opensearch/opensearch-objects.ts";
