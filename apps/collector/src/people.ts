import type { Vault } from "@locum/audit";
import { type AuditEvent, Fault } from "@locum/contracts";
import type { Caller } from "@locum/contracts/mount";
import type { AuditGate } from "./audit-gate.ts";

/** How a record names a person: `person:sha256:<commitment>`. */
const personPrefix = "person:";

/**
 * Who ordered something, as the records name them. A token that says whose it is (`person` in the token file) is named
 * by a commitment to that, whose opening is in the vault: everything that is written of the order, here and in every
 * copy, says nothing of anybody once the person is forgotten.
 */
export type People = {
  /** @throws Fault disk-full | storage-failed: nobody orders anything whose name could not be kept */
  actorOf(caller: Caller | null): Promise<string>;
  /** The name behind an actor while it is known; the actor itself for all others. */
  nameOf(actor: string): string;
  /** All names that are known, by actor. */
  names(): Record<string, string>;
  /** Intent, erasure, result. @throws Fault not-found | conflict | disk-full | storage-failed */
  forget(person: string, order: { by: Caller | null; reason: string }): Promise<{ actor: string | null }>;
};

export async function openPeople({
  vault,
  holders,
  gate,
  note,
}: {
  vault: Vault;
  /** Persons whose tokens are valid. */
  holders: ReadonlySet<string>;
  gate: Pick<AuditGate, "assertOpen" | "fault">;
  note: (event: Pick<AuditEvent, "kind" | "service" | "reason"> & Partial<AuditEvent>) => Promise<void>;
}): Promise<People> {
  const names = new Map<string, string>();
  for (const [commitment, name] of await vault.openings()) names.set(`${personPrefix}${commitment}`, name);

  const actorOf: People["actorOf"] = async (caller) => {
    if (caller?.person === undefined) return `token:${caller?.name ?? "none"}`;
    const actor = `${personPrefix}${await vault.keep(caller.person, caller.person)}`;
    names.set(actor, caller.person);
    return actor;
  };
  /** Behind a shut gate an intent only waits: then nothing is erased, and that follows it into the log. */
  const intend = async (event: Parameters<typeof note>[0]): Promise<void> => {
    await note(event);
    const fault = gate.fault();
    if (!fault) return;
    const reason = "its intent could not be recorded";
    const facts = { ...event.facts, outcome: "refused", code: fault.code };
    await note({ ...event, kind: "erase.result", reason, facts });
    throw new Fault(fault.code, `not erased: ${reason} (${fault.message})`);
  };
  return {
    actorOf,
    nameOf: (actor) => names.get(actor) ?? actor,
    names: () => Object.fromEntries(names),
    async forget(person, { by, reason }) {
      gate.assertOpen();
      if (holders.has(person))
        throw new Fault("conflict", "a token is still this person's: it would be named again", {
          hint: "Take the person's tokens out of the token file and start the collector again.",
        });
      const [actor] = [...names].find(([, name]) => name === person) ?? [];
      if (actor === undefined && !(await vault.isKept(person)))
        throw new Fault("not-found", "the vault knows no such person");
      const about = { service: "", actor: await actorOf(by), facts: { person: actor ?? null } };
      await intend({ ...about, kind: "erase.intent", reason });
      try {
        await vault.forget(person);
      } catch (error) {
        const code = error instanceof Fault ? error.code : "storage-failed";
        const facts = { ...about.facts, outcome: "failed", code };
        await note({ ...about, kind: "erase.result", reason: "the vault did not let go of it", facts });
        throw error;
      }
      if (actor !== undefined) names.delete(actor);
      const facts = { ...about.facts, outcome: "done", code: "ok" };
      await note({ ...about, kind: "erase.result", reason: "", facts });
      return { actor: actor ?? null };
    },
  };
}
