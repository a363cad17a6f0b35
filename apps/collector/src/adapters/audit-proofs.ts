import { appendFile, readFile } from "node:fs/promises";
import { type LogTree, type NoteKey, openCheckpoint, readCheckpointSize, readNoteKey } from "@locum/audit";
import { Fault } from "@locum/contracts";
import type { AuditProofs } from "../audit-port.ts";

/** Keys that are remembered for whoever verifies; a fleet has fewer instances. */
const keysMax = 10_000;

/**
 * A log's tree for its witnesses. `file` collects the keys of those that cosigned, one a line, for `locum audit
 * verify`: a copy of it elsewhere proves who they are.
 */
export function auditProofs({
  tree,
  key,
  file,
}: {
  tree: LogTree;
  key: string;
  file: string;
}): AuditProofs & { signed(note: string): void } {
  const listeners = new Set<(note: string, size: number) => void>();
  const logKey = readNoteKey(key);
  let newest: string | undefined;
  let kept: Promise<Set<string>> | undefined;
  let lane: Promise<unknown> = Promise.resolve();

  const keep = async (witness: string): Promise<void> => {
    kept ??= readKeys(file);
    const keys = await kept;
    if (keys.has(witness) || keys.size >= keysMax) return;
    await appendFile(file, `${witness}\n`, { mode: 0o600 });
    keys.add(witness);
  };
  return {
    key,
    signed(note) {
      if (note === newest) return;
      newest = note;
      for (const listener of listeners) listener(note, readCheckpointSize(note));
    },
    onCheckpoint(listener) {
      listeners.add(listener);
      if (newest !== undefined) listener(newest, readCheckpointSize(newest));
      return () => listeners.delete(listener);
    },
    async consistency(old) {
      const size = newest === undefined ? 0 : readCheckpointSize(newest);
      // Who has seen more than there is gets no proof, and will say so.
      if (old === 0 || old >= size) return [];
      return (await tree.consistency(old, size)).map((hash) => hash.toString("base64"));
    },
    isWitness: (witness, instance) => witnessKey(witness)?.name === `locum/witness/${instance}`,
    async addCosignature(line, witness) {
      const known = witnessKey(witness);
      if (!known || !(await isAdded(tree, line, known))) return false;
      lane = lane.then(() => keep(witness)).catch(() => undefined);
      await lane;
      return true;
    },
    async isForked(note) {
      try {
        const { size, root } = openCheckpoint(note, logKey);
        if (size > tree.size()) return true;
        // The proof is checked before it is given: a damaged tile must not look like another history.
        await tree.consistency(size);
        return !(await tree.rootAt(size)).equals(root);
      } catch (error) {
        if (error instanceof Fault && error.code === "evidence-invalid") return false;
        throw error;
      }
    },
  };
}

function witnessKey(text: string): NoteKey | undefined {
  try {
    const key = readNoteKey(text);
    return key.kind === "witness" ? key : undefined;
  } catch {
    return undefined;
  }
}

/** A line that is no signature is a wrong answer, not a fault of this log. */
async function isAdded(tree: LogTree, line: string, witness: NoteKey): Promise<boolean> {
  try {
    return await tree.addCosignature(line, witness);
  } catch (error) {
    if (error instanceof Fault && error.code === "evidence-invalid") return false;
    throw error;
  }
}

async function readKeys(file: string): Promise<Set<string>> {
  const text = await readFile(file, "utf8").catch(() => "");
  return new Set(text.split("\n").filter((line) => line !== ""));
}
