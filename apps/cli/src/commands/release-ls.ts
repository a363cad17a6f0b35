import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";

export const releaseLs = defineCommand({
  usage: "release ls",
  about: "Approved releases: files, goldens, who signed them, and which instances serve them now.",
  examples: [["locum release ls", "digests for locum restore --release"]],
  flags: { ...collectorFlags, service: { kind: "text", about: "only this one" } },
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const releases = await client.releases(flags.service === undefined ? {} : { service: flags.service });
    out.table(
      ["release", "created (UTC)", "files", "goldens", "served by", "note"],
      releases.map((one) => [
        one.digest.slice(0, 19),
        one.createdAt.slice(0, 19).replace("T", " "),
        one.tree === null ? "-" : one.files,
        one.goldens,
        one.served.join(" ") || "-",
        one.note,
      ]),
    );
    out.summary({ releases });
    return 0;
  },
});
