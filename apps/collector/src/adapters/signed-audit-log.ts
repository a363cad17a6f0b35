import { createPublicKey } from "node:crypto";
import { join } from "node:path";
import { noteKeyOf, noteKeyText, openAuditLog, proveRecords } from "@locum/audit";
import { assert, keyIdOf } from "@locum/contracts";
import { type Clock, type Log, openKeyFile, writeFileAtomic } from "@locum/runtime";
import type { AuditLog } from "../audit-port.ts";
import { startTicks } from "../start-ticks.ts";
import { auditProofs } from "./audit-proofs.ts";
import { openSearchable } from "./searchable.ts";

/**
 * The audit log of a data folder, signed with its own key, audit-key.pem, made at the first start; audit-key.pub is
 * what to keep elsewhere, for `locum audit verify --key`. A checkpoint is signed on opening, every ten seconds in which
 * something came, and on closing. One that cannot be written stops nothing: the records are on disk.
 * @throws Fault evidence-invalid where the log is not the one that was signed
 */
export async function openSignedAuditLog(
  dir: string,
  { clock, say, everyMs = 10_000 }: { clock: Clock; say: Log; everyMs?: number },
): Promise<AuditLog> {
  const file = join(dir, "..", "audit-key.pem");
  const privateKey = await openKeyFile(file, {
    hint: "Put it back from a backup. Without it the log cannot be told from a forged one: move its folder away.",
  });
  const raw = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
  const signer = { name: `locum/audit/${keyIdOf(raw.toString("base64"))}`, privateKey };
  const key = noteKeyText(noteKeyOf(signer, "log"));
  await writeFileAtomic(join(dir, "..", "audit-key.pub"), `${key}\n`);
  const log = await openAuditLog({ dir, signer });
  const searchable = openSearchable(join(dir, "..", "audit.db"), log);
  const proofs = log.tree && auditProofs({ tree: log.tree, key, file: join(dir, "..", "witnesses.pub") });
  const checkpoint = async (): Promise<void> => {
    try {
      const note = await log.tree?.checkpoint();
      if (note !== undefined) proofs?.signed(note);
    } catch (error) {
      say("error", "the audit log was not signed: it is tried again", { error });
    }
  };
  await checkpoint();
  const stop = startTicks(clock, everyMs, checkpoint);
  return {
    append: log.append,
    query: log.query,
    search: searchable.search,
    prove: (seqs) => {
      assert(log.tree, "a log with a signer has a tree");
      return proveRecords(seqs, { tree: log.tree, key });
    },
    head: log.head,
    lines: log.lines,
    proofs,
    async close() {
      stop();
      await checkpoint();
      await searchable.close();
      await log.close();
    },
  };
}
