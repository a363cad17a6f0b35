export {
  type Elasticsearch,
  openElasticsearch,
  type ServerAnswer,
  type ServerRequest,
} from "./open-elasticsearch.ts";
