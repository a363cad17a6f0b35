import { createPublicKey, sign } from "node:crypto";
import { canonicalJson, type Policy, type SignedPolicy } from "@locum/contracts";
import { openKeyFile } from "@locum/runtime";

export type PolicySigner = {
  /** Raw Ed25519 public key, base64: what `welcome` tells a sidecar. */
  publicKey: string;
  sign(policy: Policy): SignedPolicy;
};

/** Length of the SubjectPublicKeyInfo header before a raw Ed25519 key (RFC 8410, section 4). */
const spkiHeaderBytes = 12;

/**
 * Signs policies with the key of this data folder, made at the first start. Sidecars run on by the last policy while
 * no collector is there, from their own disks: the signature says that a collector wrote it, and not whoever could
 * write to that disk. Ed25519 over the UTF-8 of `locum.dev/policy/v1\n<canonical JSON>`.
 * @throws Fault config-invalid | disk-full | storage-failed
 */
export async function openPolicySigner(file: string): Promise<PolicySigner> {
  const key = await openKeyFile(file, {
    hint: "Put it back from a backup, or remove it: sidecars take the new key at their next connection.",
  });
  const publicKey = createPublicKey(key)
    .export({ format: "der", type: "spki" })
    .subarray(spkiHeaderBytes)
    .toString("base64");
  return {
    publicKey,
    sign: (policy) => ({ policy, signature: sign(null, policyMessage(policy), key).toString("base64") }),
  };
}

export const policyMessage = (policy: Policy): Buffer =>
  Buffer.from(`locum.dev/policy/v1\n${canonicalJson(policy)}`);
