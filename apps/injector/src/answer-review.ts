import { Fault } from "@locum/contracts";
import {
  type DeclineReason,
  declineReasons,
  type InjectConfig,
  type PodPatch,
  patchPod,
} from "@locum/injection";
import { type AdmissionAnswer, AdmissionReview } from "./admission-review.ts";

export type Outcome =
  | { kind: "injected" | "unchanged" }
  | { kind: "declined"; reason: DeclineReason }
  /** No creation of a pod: the registration asks for more than it should. */
  | { kind: "ignored" };
export type Answered = { answer: AdmissionAnswer; outcome: Outcome };

/**
 * The answer to one review. It always allows: with a patch where the pod is injected, with a warning where it is not.
 * Pure; asked again about its own result it answers without a patch.
 * @throws Fault request-invalid, where there is no uid to answer to
 */
export function answerReview(value: unknown, config: InjectConfig): Answered {
  const { request } = parseReview(value);
  const { uid, kind, operation, subResource, object } = request;
  if (kind.group !== "" || kind.kind !== "Pod" || operation !== "CREATE" || subResource)
    return {
      answer: allow(uid, {
        warnings: [
          warning(`expected the creation of a Pod, found ${operation} of ${kind.kind}; nothing is injected`),
        ],
      }),
      outcome: { kind: "ignored" },
    };
  const result: PodPatch =
    typeof object === "object" && object !== null && !Array.isArray(object)
      ? patchPod(bare(object), { config })
      : { kind: "declined", reason: "malformed", detail: "the object is no mapping" };
  if (result.kind === "declined") {
    const { reason, detail } = result;
    return {
      answer: allow(uid, {
        warnings: [warning(`no sidecar: ${reason}: ${detail}. ${declineReasons[reason]}`)],
        auditAnnotations: { injection: reason },
      }),
      outcome: { kind: "declined", reason },
    };
  }
  if (result.patch.length === 0)
    return {
      answer: allow(uid, { auditAnnotations: { injection: "unchanged" } }),
      outcome: { kind: "unchanged" },
    };
  return {
    answer: allow(uid, {
      patchType: "JSONPatch",
      patch: Buffer.from(JSON.stringify(result.patch)).toString("base64"),
      auditAnnotations: { injection: "injected" },
    }),
    outcome: { kind: "injected" },
  };
}

/** Where we fail ourselves the pod is still nobody's to block; the guard policy and the drift loop see what is missing. */
export const answerDefect = (uid: string): AdmissionAnswer =>
  allow(uid, {
    warnings: [warning("no sidecar: the injector failed on this pod; its log says why")],
    auditAnnotations: { injection: "defect" },
  });

/** The uid of a review whose answer failed. */
export const uidOf = (value: unknown): string => parseReview(value).request.uid;

function parseReview(value: unknown): AdmissionReview {
  const parsed = AdmissionReview.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Fault(
    "request-invalid",
    `${issue?.path.join(".") || "the body"}: ${issue?.message}`.slice(0, 500),
    {
      hint: "Expected an AdmissionReview of admission.k8s.io/v1.",
    },
  );
}

/** What injection reads, and nothing else: managedFields are as long as the pod, a status is not its own. */
function bare({ metadata, spec }: { metadata?: unknown; spec?: unknown }): unknown {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) return { metadata, spec };
  const { managedFields: _, ...rest } = metadata as Record<string, unknown>;
  return { metadata: rest, spec };
}

const allow = (uid: string, more: Omit<AdmissionAnswer["response"], "uid" | "allowed">): AdmissionAnswer => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  response: { uid, allowed: true, ...more },
});

const warningBytesMax = 256;

/** The API server drops a warning that has control characters, and cuts one that is longer, wherever that falls. */
function warning(text: string): string {
  const line = `locum: ${text}`.replace(/[\p{C}\s]+/gu, " ");
  const bytes = Buffer.from(line);
  if (bytes.length <= warningBytesMax) return line;
  return `${bytes
    .subarray(0, warningBytesMax - 4)
    .toString("utf8")
    .replace(/\uFFFD+$/, "")}…`;
}
