import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { AuditProof, AuditRecord, canonicalJson, Incident, keyIdOf, sha256Hex } from "@locum/contracts";
import { z } from "zod";

const Text = z.string().max(1000);

/** One promise and what came of it. `value` null: it did not happen. `limit` null: nothing was promised. */
export const Measure = z.strictObject({
  name: Text,
  unit: z.enum(["ms", "count", "bytes"]),
  value: z.number().nullable(),
  limit: z.number().nullable().describe("at most this much"),
  met: z.boolean(),
});
export type Measure = z.infer<typeof Measure>;

/** What a report says. Everything in it is signed; nothing in it is a payload. */
export const EvidenceBody = z.strictObject({
  title: Text,
  cause: z.enum(["drill", "incident", "demo"]),
  service: Text,
  createdAt: z.iso.datetime(),
  summary: Text.describe("one or two sentences for a reader in a hurry"),
  measures: z.array(Measure).max(100),
  incidents: z.array(Incident).max(100),
  facts: z.record(z.string().max(64), z.union([Text, z.number(), z.boolean(), z.null()])),
});
export type EvidenceBody = z.infer<typeof EvidenceBody>;

const Hex = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * A report that proves itself offline. `digests` holds SHA-256 of each part (canonical JSON), and the signature
 * (Ed25519 over `locum.dev/evidence/v1\n<canonical JSON of everything but body, records, log and signature>`) covers them,
 * so that damage is not only found but named.
 */
export const Evidence = z.strictObject({
  kind: z.literal("LocumEvidence"),
  version: z.literal(1),
  body: EvidenceBody,
  records: z.array(AuditRecord.strict()).max(10_000),
  log: AuditProof.optional().describe("that the records are in the signed log: a dossier has it"),
  digests: z.strictObject({ body: z.record(z.string(), Hex), records: Hex, log: Hex.optional() }),
  publicKey: z.string().regex(/^[A-Za-z0-9+/]{43}=$/),
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});
export type Evidence = z.infer<typeof Evidence>;

/** Signs a report with a PEM private key (Ed25519). Records come from the log, in its order; gaps are allowed. */
export function sealEvidence({
  body,
  records,
  log,
  key,
}: {
  body: EvidenceBody;
  records: readonly AuditRecord[];
  log?: AuditProof | undefined;
  key: string;
}): Evidence {
  const privateKey = createPrivateKey(key);
  const publicKey = createPublicKey(privateKey)
    .export({ format: "der", type: "spki" })
    .subarray(-32)
    .toString("base64");
  const unsigned = {
    kind: "LocumEvidence" as const,
    version: 1 as const,
    body: EvidenceBody.parse(body),
    records: [...records],
    ...(log ? { log } : {}),
    digests: {
      body: bodyDigests(body),
      records: digestOfPart(records),
      ...(log ? { log: digestOfPart(log) } : {}),
    },
    publicKey,
  };
  return { ...unsigned, signature: sign(null, signedBytes(unsigned), privateKey).toString("base64") };
}

/** The one text of a piece of evidence: a file that says the same in other bytes was changed. */
export function evidenceText(evidence: Evidence): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(evidence)), null, 2)}\n`;
}

export const evidenceKeyId = ({ publicKey }: Pick<Evidence, "publicKey">): string => keyIdOf(publicKey);

export const bodyDigests = (body: EvidenceBody): Record<string, string> =>
  Object.fromEntries(Object.entries(body).map(([part, value]) => [part, sha256Hex(canonicalJson(value))]));

export const digestOfPart = (part: readonly AuditRecord[] | AuditProof): string =>
  sha256Hex(canonicalJson(part));

export function signedBytes({
  kind,
  version,
  digests,
  publicKey,
}: Pick<Evidence, "kind" | "version" | "digests" | "publicKey">): Buffer {
  return Buffer.from(`locum.dev/evidence/v1\n${canonicalJson({ kind, version, digests, publicKey })}`);
}
