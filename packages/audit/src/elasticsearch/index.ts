export { type AuditDocument, documentOf, envelopeOf } from "./document.ts";
export { documentLines } from "./document-lines.ts";
export {
  type Elasticsearch,
  openElasticsearch,
  type ServerAnswer,
  type ServerRequest,
} from "./open-elasticsearch.ts";
