import jsonpatch, { type Operation } from "fast-json-patch";
import type { InjectInput } from "./inject.ts";
import { inject } from "./inject.ts";
import { keepAdditions } from "./keep-additions.ts";
import type { Meta, PodSpec } from "./pod.ts";
import type { Declined, Note } from "./reasons.ts";

export type PodPatch = { kind: "patch"; patch: Operation[]; notes: Note[] } | Declined;

/** What the webhook answers for a whole Pod object: an RFC 6902 patch, empty where the pod is already as it should be. */
export function patchPod(pod: unknown, options: Omit<InjectInput, "pod" | "meta">): PodPatch {
  const wanted = wantPod(pod, options);
  if (wanted.kind === "declined") return wanted;
  return { kind: "patch", patch: jsonPatch(wanted.before, wanted.after), notes: wanted.notes };
}

export type WantedPod = { kind: "wanted"; before: object; after: object; notes: Note[] } | Declined;

/** The whole object as it should be. */
export function wantPod(pod: unknown, options: Omit<InjectInput, "pod" | "meta">): WantedPod {
  const { metadata, spec, ...rest } = (typeof pod === "object" && pod !== null ? pod : {}) as Record<
    string,
    unknown
  >;
  const result = inject({ pod: spec ?? {}, meta: metadata ?? {}, ...options });
  if (result.kind === "declined") return result;
  const before = { ...rest, ...(metadata === undefined ? {} : { metadata }), spec };
  const kept = keepAdditions({ pod: (spec ?? {}) as PodSpec, meta: (metadata ?? {}) as Meta }, result);
  const after = { ...rest, metadata: result.meta, spec: kept };
  return { kind: "wanted", before, after, notes: result.notes };
}

/** The RFC 6902 patch that leads from one value to the other. Values come from JSON or YAML; a field that is undefined is absent. */
export const jsonPatch = (before: unknown, after: unknown): Operation[] =>
  jsonpatch.compare(plain(before), plain(after));

const plain = (value: unknown): object => JSON.parse(JSON.stringify(value)) as object;
