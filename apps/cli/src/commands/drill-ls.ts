import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { timeText } from "../span-text.ts";

export const drillLs = defineCommand({
  usage: "drill ls",
  about: "Drills that were run, newest first, with the incident that each one caused.",
  examples: [["locum drill ls", "of all instances"]],
  flags: { ...collectorFlags, service: { kind: "text", about: "only this one" } },
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const scope = flags.service === undefined ? {} : { service: flags.service };
    const operations = await client.operations({ ...scope, limit: 1000 });
    const drills = operations.filter(({ kind }) => kind === "drill");
    out.table(
      ["started (UTC)", "instance", "state", "incident", "by", "detail"],
      drills.map((one) => [
        timeText(one.createdAtMs),
        `${one.service}/${one.instance}`,
        one.state,
        one.incident ?? "-",
        one.requestedBy,
        one.detail,
      ]),
    );
    out.summary({ drills });
    return 0;
  },
});
