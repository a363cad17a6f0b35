import { createPublicKey, verify } from "node:crypto";
import { canonicalJson, type Policy, type SignedPolicy } from "@locum/contracts";

/** SubjectPublicKeyInfo header of a raw Ed25519 key (RFC 8410, section 4). */
const spkiHeader = Buffer.from("302a300506032b6570032100", "hex");

/** The policy, if its signature is that of this key (raw Ed25519, base64); null for everything else. */
export function openPolicy({ policy, signature }: SignedPolicy, policyKey: string): Policy | null {
  try {
    const key = createPublicKey({
      key: Buffer.concat([spkiHeader, Buffer.from(policyKey, "base64")]),
      format: "der",
      type: "spki",
    });
    const message = Buffer.from(`locum.dev/policy/v1\n${canonicalJson(policy)}`);
    return verify(null, message, key, Buffer.from(signature, "base64")) ? policy : null;
  } catch {
    return null;
  }
}
