import { type AuditProof, type AuditRecord, canonicalJson, Fault } from "@locum/contracts";
import type { LogTree } from "./log-tree.ts";
import { leafHash } from "./merkle/merkle-hash.ts";
import { isIncluded } from "./merkle/verify-proof.ts";
import { openCheckpoint } from "./note/checkpoint.ts";
import { readNoteKey } from "./note/note-key.ts";

/**
 * Signs the log as it stands and proves that it holds these records.
 * @throws Fault not-found | evidence-invalid | storage-failed
 */
export async function proveRecords(
  seqs: readonly number[],
  { tree, key }: { tree: LogTree; key: string },
): Promise<AuditProof> {
  const checkpoint = await tree.checkpoint();
  const { size } = openCheckpoint(checkpoint, readNoteKey(key));
  const inclusion: AuditProof["inclusion"] = [];
  for (const seq of seqs) {
    if (seq >= size) throw new Fault("not-found", `the log has no record ${seq}: it ends at ${size - 1}`);
    const path = await tree.inclusion(seq, size);
    inclusion.push({ seq, path: path.map((hash) => hash.toString("base64")) });
  }
  return { key, checkpoint, inclusion };
}

/**
 * Whether each record is in the log that the checkpoint was signed over; what is wrong, or undefined. That the key is
 * the log's own is for the reader to know.
 */
export function brokenProof(records: readonly AuditRecord[], proof: AuditProof): string | undefined {
  try {
    const { size, root } = openCheckpoint(proof.checkpoint, readNoteKey(proof.key));
    if (records.length !== proof.inclusion.length) return "log.inclusion: not one path a record";
    for (const [index, record] of records.entries()) {
      const { seq, path } = proof.inclusion[index] ?? { seq: -1, path: [] };
      const isIn =
        seq === record.seq &&
        isIncluded({
          leaf: leafHash(canonicalJson(record)),
          index: seq,
          size,
          root,
          proof: path.map((hash) => Buffer.from(hash, "base64")),
        });
      if (!isIn) return `log.inclusion[${index}] (seq ${record.seq})`;
    }
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return `log: ${error.message}`;
    throw error;
  }
}
