import { Fault } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { showIncident } from "../incident-view.ts";

export const incidentShow = defineCommand({
  usage: "incident show ID",
  about: "One incident as a timeline: what was seen, what was done, what was refused and why.",
  examples: [["locum incident show i-1-12", "locum incident ls lists them"]],
  flags: collectorFlags,
  positionalsMax: 1,
  async run({ flags, positionals: [id], out }) {
    if (id === undefined) throw new Fault("usage", "expected the id of an incident, found nothing");
    const { client } = await accessCollector(flags);
    const incident = await client.incident(id);
    showIncident(out, incident);
    out.summary({ incident });
    return 0;
  },
});
