export { InjectConfig, injectConfig } from "./config.ts";
export { type Injected, type InjectInput, inject, type TargetView } from "./inject.ts";
export { injectText, type TextResult, uninjectText } from "./inject-text.ts";
export { jsonPatch, type PodPatch, patchPod } from "./json-patch.ts";
