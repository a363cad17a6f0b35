import { exitCodes } from "@locum/contracts";
import { readKeyLog } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, openAccessed, repositoryFlags } from "../snapshot/access-repository.ts";
import { timeText } from "../span-text.ts";
import { visible } from "../table.ts";
import { wholeNumber } from "../whole-number.ts";

export const snapshotKeysLog = defineCommand({
  usage: "snapshot keys log --repository PLACE",
  about:
    "What private keys were used for, by whom, and for whom snapshots were sealed, as the repository's own log has it: each event names the digest of the one before it, so that a gap or a change shows. That its end was cut off shows only to who noted the head elsewhere; every holder of the id key can add to it.",
  examples: [
    ["locum snapshot keys log -r /backup/models", "the last 50"],
    ["locum snapshot keys log -r /backup/models --last 100000 --json", "all, for a script"],
  ],
  flags: { ...repositoryFlags, last: { kind: "text", fallback: "50", about: "so many events, the newest" } },
  async run({ flags, io, out }) {
    const last = wholeNumber("last", flags.last, { min: 1, max: 10_000_000 });
    const access = await accessRepository(flags, io);
    const { events, problems, head } = await readKeyLog(await openAccessed(access), { last });
    if (events.length === 0) out.say("no event");
    else
      out.table(
        ["at (UTC)", "event", "by", "key", "details"],
        events.map(({ at, kind, by, key, details }) => [
          Number.isNaN(Date.parse(at)) ? at : timeText(Date.parse(at)),
          kind,
          by,
          key?.slice(0, 8) ?? "-",
          detailsText(details),
        ]),
      );
    for (const { name, what } of problems)
      out.say(`${out.paint("bad", "broken")}  ${visible(name)}: ${visible(what)}`);
    if (head) out.say(`head  ${head.number} ${head.digest}`);
    for (const { kind: event, number, ...rest } of events)
      out.event({ kind: "event", event, number: Number(number), ...rest });
    out.summary({
      events: events.length,
      problems,
      head: head ? { number: Number(head.number), digest: head.digest } : null,
    });
    return problems.length === 0 ? exitCodes.ok : exitCodes.degraded;
  },
});

const detailsText = (details: Record<string, unknown>): string =>
  Object.entries(details)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(", ") : String(value)}`)
    .join("; ");
