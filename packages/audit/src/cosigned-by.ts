import { cosignedAt } from "./note/cosignature.ts";
import { type NoteKey, noteKeyText } from "./note/note-key.ts";
import { readNote, signatureText } from "./note/signed-note.ts";

/** A witness, how many records it saw, and when. */
export type Cosigned = { name: string; keyId: string; size: number; atSeconds: number };

/** The newest of these checkpoints that each key cosigned. */
export const cosignedBy = (
  signed: readonly { note: string; checkpoint: { size: number } }[],
  keys: readonly NoteKey[],
): Cosigned[] =>
  [...new Map(keys.map((key) => [noteKeyText(key), key])).values()].flatMap((key) => {
    const seen = signed.flatMap(({ note, checkpoint: { size } }) =>
      readNote(note).signatures.flatMap((signature) => {
        const atSeconds = cosignedAt(note, signatureText(signature), key);
        return atSeconds === undefined
          ? []
          : [{ name: key.name, keyId: key.keyId.toString("hex"), size, atSeconds }];
      }),
    );
    return seen.sort((a, b) => b.size - a.size).slice(0, 1);
  });
