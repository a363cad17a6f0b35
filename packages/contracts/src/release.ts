import { z } from "zod";
import { Golden } from "./golden.ts";
import { Name } from "./service.ts";
import { Tree } from "./tree.ts";

export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export type Digest = z.infer<typeof Digest>;

/**
 * What an instance is meant to be: bytes, served configuration and goldens. Its digest is SHA-256 over the canonical
 * JSON (RFC 8785) of this object; approvals sign that digest, so nothing in it can change afterwards.
 */
export const ReleaseBody = z.strictObject({
  apiVersion: z.literal("locum.dev/v1alpha1"),
  service: Name,
  createdAt: z.iso.datetime(),
  note: z.string().max(1000).default(""),
  tree: Tree.nullable().describe("null where the files are not at hand: then only answers are judged"),
  configuration: z.record(z.string(), Digest).describe("model -> digest of its served metadata"),
  goldens: z.array(Golden).max(4096),
});
export type ReleaseBody = z.infer<typeof ReleaseBody>;

/** Ed25519 over the UTF-8 of `locum.dev/release/v1\n<digest>`. */
export const Approval = z.strictObject({
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});
export type Approval = z.infer<typeof Approval>;

export const Release = z.strictObject({ digest: Digest, body: ReleaseBody, approvals: z.array(Approval) });
export type Release = z.infer<typeof Release>;
