export { type App, type AppDeps, createApp } from "./app.ts";
export { readFlags, type SidecarConfig, sidecarConfig } from "./config.ts";
export { openDeps } from "./open-deps.ts";
export { createFront, type Front, type FrontSidecar, type FrontState } from "./tap/front.ts";
