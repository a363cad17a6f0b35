import { sign, verify } from "node:crypto";
import { Fault } from "@locum/contracts";
import { type NoteKey, type NoteSigner, noteKeyOf } from "./note-key.ts";
import { noteText, readNote } from "./signed-note.ts";

/** What a log says of itself: how many records, and the root over them (C2SP tlog-checkpoint). */
export type Checkpoint = { origin: string; size: number; root: Buffer };

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString("base64")}\n`;

/** The note of a checkpoint; the signer's name is its origin. */
export function signCheckpoint({ size, root }: Omit<Checkpoint, "origin">, signer: NoteSigner): string {
  const text = checkpointText({ origin: signer.name, size, root });
  const { name, keyId } = noteKeyOf(signer, "log");
  const signature = sign(null, Buffer.from(text), signer.privateKey);
  return noteText({ text, signatures: [{ name, keyId, signature }] });
}

/**
 * Reads a checkpoint and proves that the log's key signed it; signatures by others are left alone.
 * @throws Fault evidence-invalid
 */
export function openCheckpoint(note: string, key: NoteKey): Checkpoint {
  const { text, signatures } = readNote(note);
  const checkpoint = readCheckpoint(text);
  if (checkpoint.origin !== key.name)
    throw new Fault(
      "evidence-invalid",
      `expected a checkpoint of ${key.name}, found one of ${checkpoint.origin}`,
    );
  const isSigned = signatures.some(
    ({ name, keyId, signature }) =>
      name === key.name &&
      keyId.equals(key.keyId) &&
      key.kind === "log" &&
      verify(null, Buffer.from(text), key.publicKey, signature),
  );
  if (!isSigned)
    throw new Fault("evidence-invalid", `the checkpoint of ${key.name} is not signed by its key`);
  return checkpoint;
}

/** How many records a note is over, whoever signed it. @throws Fault evidence-invalid */
export const readCheckpointSize = (note: string): number => readCheckpoint(readNote(note).text).size;

/** @throws Fault evidence-invalid */
export function readCheckpoint(text: string): Checkpoint {
  const [origin = "", size = "", root = ""] = text.split("\n");
  const bytes = Buffer.from(root, "base64");
  const isRight =
    origin !== "" &&
    /^(0|[1-9]\d{0,15})$/.test(size) &&
    Number.isSafeInteger(Number(size)) &&
    bytes.length === 32 &&
    bytes.toString("base64") === root;
  if (!isRight) throw new Fault("evidence-invalid", "expected origin, size and root, found another text");
  return { origin, size: Number(size), root: bytes };
}
