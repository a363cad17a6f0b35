import { createHash, type KeyObject, verify } from "node:crypto";
import { codecId } from "../codec/codec-id.ts";
import { decodeChunk } from "../codec/decode-chunk.ts";
import { corrupt } from "../corrupt.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { spkiDigest } from "../crypto/recipient.ts";
import { tagBytes, unseal } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { type Header, parseHeader } from "../pack/header.ts";
import { type ManifestBody, parseManifestBody } from "./manifest-body.ts";
import { signaturePrefix } from "./seal-manifest.ts";
import { type Stub, stub as stubShape } from "./stub.ts";

export type Manifest = { stub: Stub; body: ManifestBody; idKey: Uint8Array };

/** What can be read without a key. @throws Fault snapshot-corrupt */
export function readStub(bytes: Uint8Array, id: string): Stub {
  return partsOf(bytes, id).stub;
}

/** More than header and stub together can have: the start of a manifest that `readStubAtStart` needs. */
export const stubReach = limits.header + 4 + limits.stub;

/** As `readStub`, from the first `stubReach` bytes: the rest of the file is neither read nor judged. */
export function readStubAtStart(start: Uint8Array, id: string): Stub {
  const buffer = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const { length } = parseHeader(buffer, "LSRM");
  const stubLength = length + 4 > buffer.length ? limits.stub + 1 : buffer.readUInt32LE(length);
  if (stubLength > limits.stub || length + 4 + stubLength > buffer.length)
    throw corrupt("a manifest without a whole stub");
  return parseStub(buffer.subarray(length + 4, length + 4 + stubLength), id);
}

/** Whether this key signed the file, all of it. Needs no decryption key. @throws Fault snapshot-corrupt */
export function isManifestSigned(bytes: Uint8Array, id: string, signer: KeyObject): boolean {
  const { stub, signed, signature } = partsOf(bytes, id);
  if (signature.length === 0 || stub.signer !== Buffer.from(spkiDigest(signer)).toString("hex")) return false;
  return verify("sha256", Buffer.concat([signaturePrefix, signed]), signer, signature);
}

/** @throws Fault snapshot-corrupt · not-authorised: not sealed for this key */
export async function openManifest(bytes: Uint8Array, id: string, opener: KeyOpener): Promise<Manifest> {
  const { header, stub, stubBytes, codec, plainLength, sealed } = partsOf(bytes, id);
  const { fileKey, idKey } = await opener.open({ name: `snaps/${id}.sn`, header, more: [] });
  const { magic, repositoryId, salt } = header;
  const encoded = unseal(deriveKey(fileKey, salt, "lsr1 record"), sealed, {
    magic,
    repositoryId,
    salt,
    ordinal: 0n,
    codec,
    plainLength,
    bound: createHash("sha256").update(stubBytes).digest(),
  });
  if (codec !== codecId.raw && codec !== codecId.zstd) throw corrupt(`a manifest in codec ${codec}`);
  return {
    stub,
    idKey,
    body: parseManifestBody(decodeChunk({ codec, bytes: encoded, length: plainLength })),
  };
}

type Parts = {
  header: Header;
  stub: Stub;
  stubBytes: Uint8Array;
  codec: number;
  plainLength: number;
  sealed: Uint8Array;
  signed: Uint8Array;
  signature: Uint8Array;
};

function partsOf(bytes: Uint8Array, id: string): Parts {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = parseHeader(buffer, "LSRM");
  let at = header.length;
  const take = (length: number): Buffer => {
    if (length > buffer.length - at) throw corrupt("a manifest cut short");
    at += length;
    return buffer.subarray(at - length, at);
  };
  const stubLength = take(4).readUInt32LE();
  if (stubLength > limits.stub) throw corrupt(`a stub of ${stubLength} bytes`);
  const stubBytes = take(stubLength);
  const [codec = 255] = take(1);
  const [plainLength, length] = [take(4).readUInt32LE(), take(4).readUInt32LE()];
  if (plainLength > limits.manifest) throw corrupt(`a manifest of ${plainLength} bytes`);
  const sealed = take(length + tagBytes);
  const signed = buffer.subarray(0, at);
  const signatureLength = take(2).readUInt16LE();
  if (signatureLength > limits.signature) throw corrupt(`a signature of ${signatureLength} bytes`);
  const signature = take(signatureLength);
  if (at !== buffer.length) throw corrupt("bytes after the manifest's end");
  return { header, stub: parseStub(stubBytes, id), stubBytes, codec, plainLength, sealed, signed, signature };
}

function parseStub(bytes: Buffer, id: string): Stub {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw corrupt("the stub is no JSON", error);
  }
  const { data } = stubShape.safeParse(json);
  if (!data) throw corrupt("the stub lacks what a snapshot's stub has");
  if (data.id !== id) throw corrupt(`the manifest says that it is ${data.id}, its name is ${id}`);
  return data;
}
