export { applySetup } from "./apply-setup.ts";
export { type Asset, assetsFor } from "./assets.ts";
export { createKeys, keyNames, type SetupKeys } from "./create-keys.ts";
export { type AuditDocument, documentOf, envelopeOf } from "./document.ts";
export { documentLines } from "./document-lines.ts";
export { mappedFields } from "./mapped-fields.ts";
export {
  type Elasticsearch,
  openElasticsearch,
  type ServerAnswer,
  type ServerRequest,
} from "./open-elasticsearch.ts";
export { reasonOf } from "./reason-of.ts";
export type { ServerTraits } from "./server-traits.ts";
export { type SetupPlan, type SetupStep, setupPlan } from "./setup-plan.ts";
export { applyRemoval, type Removal, removalPlan } from "./uninstall-setup.ts";
