import { z } from "zod";
import { Failure } from "./verdict.ts";

/** One line of an incident's story; times are milliseconds since the incident opened. */
export const TimelineEntry = z.object({
  offsetMs: z.number(),
  step: z.enum([
    "detect",
    "divert",
    "refuse",
    "promote",
    "restore",
    "reload",
    "restart",
    "verify",
    "hold",
    "abort",
    "note",
    "close",
  ]),
  instance: z.string().nullable(),
  detail: z.string().max(1000),
});
export type TimelineEntry = z.infer<typeof TimelineEntry>;

export const Incident = z.object({
  id: z.string(),
  service: z.string(),
  instance: z.string(),
  failure: z.union([Failure, z.enum(["silent", "latent-bytes"])]),
  openedAtMs: z.number().describe("wall clock, milliseconds since 1970"),
  closedAtMs: z.number().nullable(),
  drill: z.string().nullable().describe("id of the drill that caused it"),
  timeline: z.array(TimelineEntry).max(500),
});
export type Incident = z.infer<typeof Incident>;
