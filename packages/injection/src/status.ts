import { createHash } from "node:crypto";
import { z } from "zod";
import type { InjectConfig } from "./config.ts";
import { statusKey } from "./keys.ts";
import type { Meta } from "./pod.ts";

/**
 * What was overwritten: a path from the pod's spec, lists by name, port or place, and what stood there (absent: nothing).
 * Of a text in a list `now` is what stands there since: what a person has changed after us is not put back.
 */
const Original = z.looseObject({
  path: z
    .array(z.union([z.string().max(256), z.number()]))
    .min(1)
    .max(8),
  was: z.json().optional(),
  now: z.string().max(4096).optional(),
});
export type Original = { path: (string | number)[]; was?: unknown; now?: string };

/** Lists and maps that injection had to make, and what was there: nothing, null, or an empty one. */
const Made = z.record(z.string(), z.enum(["absent", "null", "empty"]));

/**
 * What one injection did to a pod, kept in its annotation so that any later version can undo it. `added` names what is
 * new, `originals` what was overwritten, `made` the lists and maps that did not exist.
 */
const Status = z.looseObject({
  v: z.number().int(),
  version: z.string().max(64),
  rev: z.string().max(64).default("default"),
  spec: z.string().max(128),
  added: z.looseObject({
    containers: z.array(z.string().max(253)).max(16).default([]),
    volumes: z.array(z.string().max(253)).max(32).default([]),
    annotations: z.array(z.string().max(317)).max(32).default([]),
    labels: z.array(z.string().max(317)).max(32).default([]),
  }),
  originals: z.array(Original).max(256).default([]),
  made: Made.default({}),
});
export type Status = z.infer<typeof Status>;

export const statusBytesMax = 16_384;
export const annotationBytesMax = 262_144;

/** Null where there is none; "unreadable" where a person or another program changed it. */
export function readStatus({ annotations }: Meta): Status | null | "unreadable" {
  const text = annotations?.[statusKey];
  if (text === undefined) return null;
  if (text.length > statusBytesMax) return "unreadable";
  try {
    const parsed = Status.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : "unreadable";
  } catch {
    return "unreadable";
  }
}

/** What a cluster gives all its sidecars, as one word: a pod that bears another was injected by other values. */
export const configHash = ({ namespaceInject: _scope, ...config }: InjectConfig): string => specHash(config);

export const specHash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
