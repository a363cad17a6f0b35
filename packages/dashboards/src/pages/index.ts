export { dashboards } from "../dashboards.ts";
export { consoleStyle } from "./console-style.ts";
export { faultPage } from "./fault-page.ts";
export { type FleetData, fleetPage } from "./fleet-page.ts";
export { type Html, html, markupOf, trusted } from "./html.ts";
export { loginPage, welcomePage } from "./login-page.ts";
export { type PageContent, renderPage, type Shell, type Theme } from "./page.ts";
