import { createPrivateKey, createPublicKey, hash, sign, verify } from "node:crypto";
import type { z } from "zod";
import { canonicalJson } from "./canonical-json.ts";
import { Fault } from "./fault.ts";
import { Release, type ReleaseBody } from "./release.ts";
import type { Approver } from "./service.ts";

type ApproverKey = z.infer<typeof Approver>;
/** SubjectPublicKeyInfo header of a raw Ed25519 key (RFC 8410, section 4). */
const spkiHeader = Buffer.from("302a300506032b6570032100", "hex");

export const sha256Hex = (data: string | Uint8Array): string => hash("sha256", data, "hex");
export const digestOf = (value: unknown): string => `sha256:${sha256Hex(canonicalJson(value))}`;
/** Id of a golden: the same input has the same id in every release. */
export const goldenId = (model: string, request: unknown): string =>
  sha256Hex(canonicalJson({ model, request })).slice(0, 16);
export const keyIdOf = (publicKeyBase64: string): string =>
  sha256Hex(Buffer.from(publicKeyBase64, "base64")).slice(0, 16);

const message = (digest: string): Buffer => Buffer.from(`locum.dev/release/v1\n${digest}`);

/** Signs a release with the operator's PEM private key; adds to the approvals that are there. */
export function approveRelease(
  body: ReleaseBody,
  privateKeyPem: string,
  approvals: Release["approvals"] = [],
): Release {
  const digest = digestOf(body);
  const key = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(key)
    .export({ format: "der", type: "spki" })
    .subarray(spkiHeader.length)
    .toString("base64");
  const keyId = keyIdOf(publicKey);
  const signature = sign(null, message(digest), key).toString("base64");
  return {
    digest,
    body,
    approvals: [...approvals.filter((approval) => approval.keyId !== keyId), { keyId, signature }],
  };
}

/**
 * Parses and verifies a release from outside: schema, digest, and at least one signature by a known approver.
 * @throws Fault release-invalid | release-unapproved
 */
export function verifyRelease(value: unknown, approvers: readonly ApproverKey[]): Release {
  const parsed = Release.safeParse(value);
  if (!parsed.success)
    throw new Fault("release-invalid", `not a release: ${parsed.error.issues[0]?.message ?? "wrong shape"}`);
  const release = parsed.data;
  if (digestOf(release.body) !== release.digest)
    throw new Fault("release-invalid", `the content of ${release.digest} has another digest`);
  if (!release.approvals.some((approval) => isSignedBy(release.digest, approval, approvers)))
    throw new Fault(
      "release-unapproved",
      `${release.digest} is signed by none of the ${approvers.length} known approvers`,
    );
  return release;
}

function isSignedBy(
  digest: string,
  approval: Release["approvals"][number],
  approvers: readonly ApproverKey[],
): boolean {
  const approver = approvers.find((known) => known.keyId === approval.keyId);
  if (!approver) return false;
  const key = createPublicKey({
    key: Buffer.concat([spkiHeader, Buffer.from(approver.publicKey, "base64")]),
    format: "der",
    type: "spki",
  });
  return verify(null, message(digest), key, Buffer.from(approval.signature, "base64"));
}
