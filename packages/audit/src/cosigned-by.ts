import { cosignedAt } from "./note/cosignature.ts";
import type { NoteKey } from "./note/note-key.ts";
import { readNote, signatureText } from "./note/signed-note.ts";

/** A witness, how many records it saw, and when. */
export type Cosigned = { name: string; keyId: string; size: number; atSeconds: number };

/** The newest of these checkpoints that each key cosigned. */
export function cosignedBy(
  signed: readonly { note: string; checkpoint: { size: number } }[],
  keys: readonly NoteKey[],
): Cosigned[] {
  const known = new Map(keys.map((key) => [placeOf(key), key]));
  const newest = new Map<string, Cosigned>();
  for (const { note, checkpoint } of signed)
    for (const signature of readNote(note).signatures) {
      const place = placeOf(signature);
      const key = known.get(place);
      const atSeconds = key && cosignedAt(note, signatureText(signature), key);
      if (atSeconds === undefined || checkpoint.size <= (newest.get(place)?.size ?? -1)) continue;
      const keyId = signature.keyId.toString("hex");
      newest.set(place, { name: signature.name, keyId, size: checkpoint.size, atSeconds });
    }
  return [...newest.values()];
}

const placeOf = ({ name, keyId }: { name: string; keyId: Buffer }): string =>
  `${name} ${keyId.toString("hex")}`;
