export { catchUp } from "./catch-up.ts";
export { elasticsearchBody, readElasticsearchAnswer } from "./elasticsearch-body.ts";
export { openProjection, type Projection } from "./projection.ts";
export { wordsOf } from "./words-of.ts";
