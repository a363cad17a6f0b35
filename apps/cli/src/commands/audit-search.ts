import { AuditKind, Fault } from "@locum/contracts";
import { auditLine } from "../audit-view.ts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { wholeNumber } from "../whole-number.ts";

export const auditSearch = defineCommand({
  usage: "audit search",
  about: "Records of the audit log, by kind, service, instance or incident; the oldest first.",
  examples: [
    ["locum audit search --kind promote.commit --kind restore.result", "who took over, what was restored"],
    ["locum audit search --incident i-1-12 --json", "everything about one incident"],
  ],
  flags: {
    ...collectorFlags,
    kind: { kind: "list", about: "a kind of event" },
    service: { kind: "text", about: "only this one" },
    instance: { kind: "text", about: "only this one" },
    incident: { kind: "text", about: "only this one" },
    after: { kind: "text", about: "records with a greater number" },
    limit: { kind: "text", fallback: "100", about: "at most so many, 1 to 1000" },
    newest: { kind: "switch", about: "the newest first" },
  },
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const { service, instance, incident, after } = flags;
    const records = await client.audit({
      ...(flags.kind.length > 0 ? { kind: flags.kind.map(kindOf) } : {}),
      ...(service === undefined ? {} : { service }),
      ...(instance === undefined ? {} : { instance }),
      ...(incident === undefined ? {} : { incident }),
      ...(after === undefined
        ? {}
        : { after: wholeNumber("after", after, { min: 0, max: Number.MAX_SAFE_INTEGER }) }),
      limit: wholeNumber("limit", flags.limit, { min: 1, max: 1000 }),
      order: flags.newest ? "desc" : "asc",
    });
    const people = await client.people();
    for (const record of records) {
      out.say(auditLine(record, people));
      out.event({ kind: "record", record });
    }
    out.summary({ records: records.length, lastSeq: records.at(-1)?.seq ?? null });
    return 0;
  },
});

function kindOf(text: string): AuditKind {
  const kind = AuditKind.safeParse(text);
  if (!kind.success)
    throw new Fault("usage", `--kind ${text}: expected one of ${AuditKind.options.join(", ")}`);
  return kind.data;
}
