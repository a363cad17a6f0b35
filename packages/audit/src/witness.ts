import { Fault, type WitnessAnswer, type WitnessRequest } from "@locum/contracts";
import { isConsistent } from "./merkle/verify-proof.ts";
import { type Checkpoint, openCheckpoint, readCheckpoint } from "./note/checkpoint.ts";
import { cosign } from "./note/cosignature.ts";
import type { NoteKey, NoteSigner } from "./note/note-key.ts";
import { readNote } from "./note/signed-note.ts";

/**
 * One step of a witness (C2SP tlog-witness): it keeps the newest checkpoint that it has seen and cosigns a newer one
 * only where that is proven to begin with all of the old. `head` is to be durable before the answer is sent: a witness
 * that forgets would sign both histories.
 */
export function witness({
  head,
  request: { old, proof, checkpoint: note },
  log,
  signer,
  atSeconds,
}: {
  /** The note that was cosigned last; undefined at first. */
  head: string | undefined;
  request: WitnessRequest;
  log: NoteKey;
  signer: NoteSigner;
  atSeconds: number;
}): { answer: WitnessAnswer; head: string | undefined } {
  const known: Checkpoint | undefined = head === undefined ? undefined : readCheckpoint(readNote(head).text);
  const refuse = (answer: WitnessAnswer) => ({ answer, head });
  let offered: Checkpoint;
  try {
    offered = openCheckpoint(note, log);
  } catch (error) {
    if (error instanceof Fault) return refuse({ outcome: "unsigned" });
    throw error;
  }
  // The log proves from where this witness stands: it is told where that is.
  if (old !== (known?.size ?? 0)) return refuse({ outcome: "elsewhere", size: known?.size ?? 0 });
  const isGrown =
    known === undefined ||
    isConsistent({ old: known, newer: offered, proof: proof.map((hash) => Buffer.from(hash, "base64")) });
  if (!isGrown) return refuse({ outcome: "rewritten", size: known.size, head: head ?? "" });
  return {
    answer: { outcome: "cosigned", size: offered.size, signature: cosign(note, signer, atSeconds) },
    head: note,
  };
}
