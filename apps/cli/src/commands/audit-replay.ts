import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";

export const auditReplay = defineCommand({
  usage: "audit replay",
  about:
    "Sends to Elasticsearch again, as they are, the records that it had refused or put into its failure store. Run it after the mapping was mended. Exit 2 where some are left.",
  examples: [["locum audit replay", "locum audit shipping says how many there are"]],
  flags: collectorFlags,
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const { sent, left } = await client.replayAudit();
    out.say(`${sent} sent again and taken, ${left} left.`);
    out.summary({ sent, left });
    return left === 0 ? 0 : 2;
  },
});
