import { z } from "zod";

/** What the API server asks (admission.k8s.io/v1), as far as an answer needs it. What is in the object is judged later. */
export const AdmissionReview = z.looseObject({
  apiVersion: z.literal("admission.k8s.io/v1"),
  kind: z.literal("AdmissionReview"),
  request: z.looseObject({
    uid: z.string().min(1).max(253),
    kind: z.looseObject({
      group: z.string().max(253).default(""),
      version: z.string().max(63),
      kind: z.string().max(63),
    }),
    operation: z.string().max(63),
    subResource: z.string().max(253).optional(),
    object: z.unknown().optional(),
  }),
});
export type AdmissionReview = z.infer<typeof AdmissionReview>;

export type AdmissionAnswer = {
  apiVersion: "admission.k8s.io/v1";
  kind: "AdmissionReview";
  response: {
    uid: string;
    /** Injection refuses nobody: what it cannot do it says in a warning. */
    allowed: true;
    patchType?: "JSONPatch";
    /** Base64 of the JSON patch. */
    patch?: string;
    warnings?: string[];
    /** Kept in the audit log of the cluster, under the name of the webhook. */
    auditAnnotations?: Record<string, string>;
  };
};
