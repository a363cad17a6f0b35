import { Fault } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";

export const auditForget = defineCommand({
  usage: "audit forget PERSON",
  about:
    "Forgets a person whose tokens ordered something: the vault lets go of the name for good. Records and proofs stay as they are and name nobody any more. Needs the role admin.",
  examples: [
    ['locum audit forget "Ada Lovelace" --yes', "as the token file had it; take it out there first"],
    ["locum audit forget ada@example.org --yes --reason ticket-17", "why; name nobody here"],
  ],
  flags: {
    ...collectorFlags,
    reason: { kind: "text", fallback: "", about: "why; it goes into the audit log and cannot be forgotten" },
    yes: { kind: "switch", about: "needed: nothing brings the name back" },
  },
  positionalsMax: 1,
  async run({ flags: { reason, yes, ...given }, positionals: [person], out }) {
    if (person === undefined) throw new Fault("usage", "expected a person, found nothing");
    if (!yes)
      throw new Fault("usage", "expected --yes, found nothing", {
        hint: "Nothing brings the name back: not a backup of the log, for it was never in it.",
      });
    const { client } = await accessCollector(given);
    const { actor } = await client.forgetPerson({ person, reason });
    out.say(`forgotten; the records go on naming ${actor ?? "a commitment that nobody can open"}`);
    out.summary({ actor });
    return 0;
  },
});
