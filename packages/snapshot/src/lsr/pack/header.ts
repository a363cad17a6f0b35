import { createPublicKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { assert, Fault } from "@locum/contracts";
import { corrupt } from "../corrupt.ts";
import { collectYoung } from "../crypto/collect-young.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { type Recipient, recipientOf, spkiDigest } from "../crypto/recipient.ts";
import { type FileKeys, unwrapKeys, wrapKeys } from "../crypto/wrap-keys.ts";
import { limits } from "../limits.ts";

export type Magic = "LSRP" | "LSRM";

export type Stanza = { kind: number; recipientId: Uint8Array; wrapped: Uint8Array };

export type Header = {
  magic: Magic;
  repositoryId: Uint8Array;
  salt: Uint8Array;
  commitment: Uint8Array;
  stanzas: Stanza[];
  length: number;
};

const fixedBytes = 104;
const stanzaHead = 36;
const kindId = { x25519: 1, "rsa-oaep": 2 };

export type HeaderInput = FileKeys & {
  magic: Magic;
  repositoryId: Uint8Array;
  salt: Uint8Array;
  recipients: readonly Recipient[];
};

export function encodeHeader({ magic, repositoryId, salt, recipients, ...keys }: HeaderInput): Uint8Array {
  assert(recipients.length >= 1 && recipients.length <= limits.recipients, "1 to 16 recipients");
  const context = wrapContext({ magic, repositoryId, salt });
  const parts = recipients.flatMap((recipient) => {
    const wrapped = wrapKeys(keys, recipient, context);
    const head = Buffer.alloc(4);
    head[0] = kindId[recipient.kind];
    head.writeUInt16LE(wrapped.length, 2);
    return [head, recipient.id, wrapped];
  });
  collectYoung();
  const length = fixedBytes + parts.reduce((sum, part) => sum + part.length, 0);
  const fixed = Buffer.alloc(8);
  fixed.write(magic, "latin1");
  fixed[4] = 1;
  fixed[5] = recipients.length;
  fixed.writeUInt16LE(length, 6);
  return Buffer.concat([fixed, repositoryId, salt, deriveKey(keys.fileKey, salt, "lsr1 commit"), ...parts]);
}

/** Of a file's first bytes. @throws Fault snapshot-corrupt */
export function parseHeader(bytes: Uint8Array, magic: Magic): Header {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < fixedBytes) throw corrupt(`a ${magic} file of ${buffer.length} bytes`);
  const found = buffer.toString("latin1", 0, 4);
  if (found !== magic) throw corrupt(`the file begins with ${JSON.stringify(found)}, expected ${magic}`);
  if (buffer[4] !== 1) throw corrupt(`format version ${buffer[4]} is not known here, only 1`);
  const length = buffer.readUInt16LE(6);
  const count = buffer[5] ?? 0;
  if (length > Math.min(limits.header, buffer.length)) throw corrupt(`a header of ${length} bytes`);
  if (count < 1 || count > limits.recipients) throw corrupt(`a header with ${count} stanzas`);
  const stanzas: Stanza[] = [];
  let at = fixedBytes;
  for (let n = 0; n < count; n++) {
    if (at + stanzaHead > length) throw corrupt("a header shorter than its stanzas");
    const end = at + stanzaHead + buffer.readUInt16LE(at + 2);
    if (end > length) throw corrupt("a header shorter than its stanzas");
    stanzas.push({
      kind: buffer[at] ?? 0,
      recipientId: buffer.subarray(at + 4, at + stanzaHead),
      wrapped: buffer.subarray(at + stanzaHead, end),
    });
    at = end;
  }
  if (at !== length) throw corrupt("a header longer than its stanzas");
  const part = (from: number) => buffer.subarray(from, from + 32);
  return { magic, repositoryId: part(8), salt: part(40), commitment: part(72), stanzas, length };
}

/** @throws Fault not-authorised: not sealed for this key · snapshot-corrupt: it is, and does not open */
export function openHeader(
  header: Header,
  privateKey: KeyObject,
  moreStanzas: readonly Stanza[] = [],
): FileKeys {
  const { kind, id } = recipientOf(privateKey);
  let last: Fault = notSealedFor(privateKey);
  for (const stanza of [...header.stanzas, ...moreStanzas]) {
    if (stanza.kind !== kindId[kind] || Buffer.compare(stanza.recipientId, id) !== 0) continue;
    try {
      return openStanza(header, stanza, privateKey);
    } catch (error) {
      // One that somebody put beside the file must not hide the one that opens.
      if (!(error instanceof Fault)) throw error;
      last = error;
    }
  }
  throw last;
}

function openStanza(header: Header, { wrapped }: Stanza, privateKey: KeyObject): FileKeys {
  const keys = unwrapKeys(wrapped, privateKey, wrapContext(header));
  // GCM alone lets one ciphertext open under two keys; the commitment says which one is meant.
  if (!timingSafeEqual(deriveKey(keys.fileKey, header.salt, "lsr1 commit"), header.commitment))
    throw corrupt("the file key is not the one that the header commits to");
  return keys;
}

const notSealedFor = (privateKey: KeyObject): Fault =>
  new Fault(
    "not-authorised",
    `the file is not sealed for key ${Buffer.from(spkiDigest(createPublicKey(privateKey))).toString("hex")}`,
    { hint: "Give the private key of one of the recipients of this repository." },
  );

const wrapContext = ({
  magic,
  repositoryId,
  salt,
}: Pick<Header, "magic" | "repositoryId" | "salt">): Uint8Array =>
  Buffer.concat([Buffer.from(magic, "latin1"), repositoryId, salt]);
