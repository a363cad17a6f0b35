import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { spanText, timeText } from "../span-text.ts";
import { wholeNumber } from "../whole-number.ts";

export const incidentLs = defineCommand({
  usage: "incident ls",
  about: "Incidents, newest first: what failed where, for how long, and whether it was a drill.",
  examples: [
    ["locum incident ls", "the last hundred"],
    ["locum incident ls --open --json", "open ones, for a script"],
  ],
  flags: {
    ...collectorFlags,
    service: { kind: "text", about: "only this one" },
    open: { kind: "switch", about: "only open ones" },
    limit: { kind: "text", fallback: "100", about: "at most so many" },
  },
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const incidents = await client.incidents({
      limit: wholeNumber("limit", flags.limit, { min: 1, max: 1000 }),
      ...(flags.service === undefined ? {} : { service: flags.service }),
      ...(flags.open ? { open: true } : {}),
    });
    out.table(
      ["incident", "opened (UTC)", "lasted", "instance", "failure", ""],
      incidents.map((one) => [
        one.id,
        timeText(one.openedAtMs),
        one.closedAtMs === null ? { text: "open", colour: "bad" } : spanText(one.closedAtMs - one.openedAtMs),
        `${one.service}/${one.instance}`,
        one.failure,
        one.drill === null ? "" : "drill",
      ]),
    );
    out.summary({ incidents });
    return 0;
  },
});
