export { dashboards } from "./dashboards.ts";
export {
  type AuditSource,
  type CountedColumn,
  type Dashboard,
  isAuditSource,
  type Panel,
  type PanelCondition,
  type PanelSource,
  type StatsFigure,
  type Unit,
} from "./model.ts";
export { panelSearch, type View } from "./panel-search.ts";
