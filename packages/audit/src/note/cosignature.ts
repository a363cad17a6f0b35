import { sign, verify } from "node:crypto";
import { type NoteKey, type NoteSigner, noteKeyOf } from "./note-key.ts";
import { readNote, readSignature, signatureText } from "./signed-note.ts";

const timeBytes = 8;

/** A witness's line below a checkpoint: that it saw this text, and at what time (C2SP tlog-cosignature). */
export function cosign(note: string, witness: NoteSigner, atSeconds: number): string {
  const { name, keyId } = noteKeyOf(witness, "witness");
  const time = Buffer.alloc(timeBytes);
  time.writeBigUInt64BE(BigInt(atSeconds));
  const signature = sign(null, message(readNote(note).text, atSeconds), witness.privateKey);
  return signatureText({ name, keyId, signature: Buffer.concat([time, signature]) });
}

/**
 * When this witness saw the note, in seconds; undefined where the line is not its signature of it.
 * @throws Fault evidence-invalid where note or line cannot be read
 */
export function cosignedAt(note: string, line: string, witness: NoteKey): number | undefined {
  const { name, keyId, signature } = readSignature(line);
  if (name !== witness.name || witness.kind !== "witness" || !keyId.equals(witness.keyId)) return undefined;
  if (signature.length !== timeBytes + 64) return undefined;
  const at = Number(signature.readBigUInt64BE(0));
  const bytes = message(readNote(note).text, at);
  return verify(null, bytes, witness.publicKey, signature.subarray(timeBytes)) ? at : undefined;
}

const message = (text: string, atSeconds: number): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${atSeconds}\n${text}`);
