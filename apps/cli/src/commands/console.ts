import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { consoleAddress } from "../console-address.ts";

export const consoleCommand = defineCommand({
  usage: "console",
  about:
    "Prints an address that opens the collector's own pages: the live fleet, incidents, the audit explorer and the dashboards. It logs one browser in, once, to read; it is no token.",
  examples: [["locum console", "open the address that it prints"]],
  flags: collectorFlags,
  async run({ flags, out }) {
    const { client, url: collector } = await accessCollector(flags);
    const { url, lastsMs, lasts } = await consoleAddress(client, collector);
    out.say(url);
    out.progress(`opens the pages once, within ${lasts}`);
    out.summary({ url, lastsMs });
    return 0;
  },
});
