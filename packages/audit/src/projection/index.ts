export { catchUp } from "./catch-up.ts";
export {
  type ElasticsearchAnswer,
  elasticsearchBody,
  readElasticsearchAnswer,
} from "./elasticsearch-body.ts";
export { openProjection, type Projection } from "./projection.ts";
export { projectionLines } from "./projection-lines.ts";
export { openProjectionReader, type ProjectionReader } from "./projection-reader.ts";
export { wordsOf } from "./words-of.ts";
