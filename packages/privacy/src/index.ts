export { createFilter, type Filter } from "./create-filter.ts";
export { type TelemetrySchema, telemetrySchema } from "./telemetry-schema.ts";
