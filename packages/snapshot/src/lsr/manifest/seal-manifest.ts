import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import { assert } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import { zstdEncode } from "../codec/zstd.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { spkiDigest } from "../crypto/recipient.ts";
import { seal } from "../crypto/seal.ts";
import { wipe } from "../crypto/wipe.ts";
import { limits } from "../limits.ts";
import type { Sealing } from "../pack/build-pack.ts";
import { encodeHeader } from "../pack/header.ts";
import type { ManifestBody } from "./manifest-body.ts";
import type { Stub } from "./stub.ts";

export const signaturePrefix = Buffer.from("LSR/1 manifest\n");

export type ManifestInput = {
  stub: Omit<Stub, "format" | "files" | "bytes" | "signer">;
  body: ManifestBody;
  /** A private EC P-256 key; without one the manifest is unsigned. */
  signer?: KeyObject;
};

/** The file of a snapshot: who may list reads the stub, who may verify checks the signature, recipients read it all. */
export function sealManifest(
  { stub, body, signer }: ManifestInput,
  { repositoryId, idKey, recipients, random }: Omit<Sealing, "hash">,
): Uint8Array {
  const files = body.files.flatMap((entry) => (entry.kind === "file" ? [entry.size] : []));
  const bytes = files.reduce((sum, size) => sum + size, 0);
  const signerId = signer ? Buffer.from(spkiDigest(createPublicKey(signer))).toString("hex") : null;
  const whole: Stub = { format: "LSR/1", ...stub, bytes, files: files.length, signer: signerId };
  const stubBytes = Buffer.from(JSON.stringify(whole));
  const plain = Buffer.from(JSON.stringify(body));
  assert(stubBytes.length <= limits.stub && plain.length <= limits.manifest, "a manifest within its limits");
  const fileKey = random(32);
  const context = { magic: "LSRM", repositoryId, salt: random(32) } as const;
  const encoded = zstdEncode(plain, 3);
  const recordKey = deriveKey(fileKey, context.salt, "lsr1 record");
  const sealed = seal(recordKey, encoded, {
    ...context,
    ordinal: 0n,
    codec: codecId.zstd,
    plainLength: plain.length,
    bound: createHash("sha256").update(stubBytes).digest(),
  });
  const [stubHead, bodyHead] = [Buffer.alloc(4), Buffer.alloc(9)];
  stubHead.writeUInt32LE(stubBytes.length);
  bodyHead[0] = codecId.zstd;
  bodyHead.writeUInt32LE(plain.length, 1);
  bodyHead.writeUInt32LE(encoded.length, 5);
  const header = encodeHeader({ ...context, fileKey, idKey, recipients });
  wipe(fileKey, recordKey);
  const signed = Buffer.concat([header, stubHead, stubBytes, bodyHead, sealed]);
  const signature = signer
    ? sign("sha256", Buffer.concat([signaturePrefix, signed]), signer)
    : Buffer.alloc(0);
  const tail = Buffer.alloc(2);
  tail.writeUInt16LE(signature.length);
  return Buffer.concat([signed, tail, signature]);
}
