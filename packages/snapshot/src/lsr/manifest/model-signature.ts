import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { assert } from "@locum/contracts";
import { z } from "zod";

const payloadType = "application/vnd.in-toto+json";
const predicateType = "https://model_signing/signature/v1.0";

export type SignedFile = { path: string; sha256?: string | undefined };

/**
 * A Sigstore bundle as OpenSSF model signing 1.0 verifies it with `--public-key`: DSSE around an in-toto statement of
 * every file's SHA-256, which each must have. `key` is a private EC P-256 key.
 */
export function signModel({
  model,
  files,
  key,
}: {
  model: string;
  files: readonly SignedFile[];
  key: KeyObject;
}) {
  assert(
    files.every(({ sha256 }) => sha256 !== undefined),
    "a SHA-256 of every file that is signed",
  );
  const payload = Buffer.from(JSON.stringify(statementOf(model, files)));
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: keyHint(key) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType,
      signatures: [{ sig: sign("sha256", preAuthentication(payload), key).toString("base64"), keyid: "" }],
    },
  };
}

const bundleShape = z.object({
  verificationMaterial: z.object({ publicKey: z.object({ hint: z.string() }) }),
  dsseEnvelope: z.object({
    payload: z.base64(),
    payloadType: z.literal(payloadType),
    signatures: z.array(z.object({ sig: z.base64() })).length(1),
  }),
});

/** Whether the bundle is this key's and says exactly these files, no more and no fewer. */
export function isModelSigned(
  bundle: unknown,
  { model, files, key }: { model: string; files: readonly SignedFile[]; key: KeyObject },
): boolean {
  const parsed = bundleShape.safeParse(bundle);
  if (!parsed.success) return false;
  const { dsseEnvelope, verificationMaterial } = parsed.data;
  const payload = Buffer.from(dsseEnvelope.payload, "base64");
  const signature = Buffer.from(dsseEnvelope.signatures[0]?.sig ?? "", "base64");
  if (verificationMaterial.publicKey.hint !== keyHint(key)) return false;
  if (!verify("sha256", preAuthentication(payload), key, signature)) return false;
  return payload.toString("utf8") === JSON.stringify(statementOf(model, files));
}

function statementOf(model: string, files: readonly SignedFile[]) {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const root = createHash("sha256");
  for (const { sha256 } of sorted) root.update(Buffer.from(sha256 ?? "", "hex"));
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: model, digest: { sha256: root.digest("hex") } }],
    predicateType,
    predicate: {
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ignore_paths: [] },
      resources: sorted.map(({ path, sha256 }) => ({ name: path, algorithm: "sha256", digest: sha256 })),
    },
  };
}

const preAuthentication = (payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);

function keyHint(key: KeyObject): string {
  const pem = (key.type === "private" ? createPublicKey(key) : key).export({ type: "spki", format: "pem" });
  return createHash("sha256").update(pem).digest("hex");
}
