import { auditLine } from "../audit-view.ts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { wholeNumber } from "../whole-number.ts";

export const auditTail = defineCommand({
  usage: "audit tail",
  about: "Follows the audit log until Ctrl-C: the last records, then each new one as it is written.",
  examples: [
    ["locum audit tail", "the last ten, then what comes"],
    ["locum audit tail --limit 100 --json", "JSON lines"],
  ],
  flags: {
    ...collectorFlags,
    service: { kind: "text", about: "only this one" },
    limit: { kind: "text", fallback: "10", about: "of the past, 0 to 1000" },
  },
  untilSignal: true,
  async run({ flags, io, out }) {
    const { client } = await accessCollector(flags);
    const scope = flags.service === undefined ? {} : { service: flags.service };
    const limit = wholeNumber("limit", flags.limit, { min: 0, max: 1000 });
    // One is asked for even where none is shown: what comes after it is new.
    const past = (await client.audit({ ...scope, limit: Math.max(1, limit), order: "desc" })).reverse();
    const people = await client.people();
    let shown = 0;
    const show = (record: (typeof past)[number]): void => {
      out.say(auditLine(record, people));
      out.event({ kind: "record", record });
      shown += 1;
    };
    if (limit > 0) past.forEach(show);
    const last = past.at(-1)?.seq;
    for await (const event of client.events({
      ...scope,
      ...(last === undefined ? {} : { after: last }),
      signal: io.signal,
    }))
      if (event.kind === "audit") show(event.record);
    out.summary({ records: shown });
    return 0;
  },
});
