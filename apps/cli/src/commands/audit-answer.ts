import { brokenProof } from "@locum/audit";
import { Fault, loadServiceFile, RequestId } from "@locum/contracts";
import { assertFound, type FoundAnswer, findAnswer } from "../answer/find-answer.ts";
import { openBatchSource } from "../answer/open-batch-source.ts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";

export const auditAnswer = defineCommand({
  usage: "audit answer REQUEST_ID",
  about:
    "Says which model, configuration, policy and instance answered a request, and proves it: the record is in its batch, the root of the batch in the signed audit log.",
  examples: [
    ["locum audit answer order-4711", "the X-Request-Id that the client sent, or that came back"],
    ["locum audit answer order-4711 --records /backup/inference --json", "with every proof"],
    ["locum audit answer order-4711 --records s3://bucket/prefix", "AWS_ENDPOINT_URL names other stores"],
  ],
  flags: {
    ...collectorFlags,
    records: {
      kind: "text",
      about: "folder, https://host/bucket/prefix or s3://bucket/prefix; as in the service file if absent",
    },
    region: { kind: "text", about: "of the object store" },
    "credentials-file": { kind: "text", about: "as AWS tools write it; the environment if absent" },
    key: { kind: "text", about: "key of the audit log that you kept elsewhere: it must have signed" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [given], io, out }) {
    const id = RequestId.safeParse(given);
    if (!id.success)
      throw new Fault(
        "usage",
        `expected a request id of 8 to 128 letters, digits and ._:-, found "${given ?? ""}"`,
      );
    const { client, config: read } = await accessCollector(flags);
    const config = read ?? (flags.records === undefined ? await loadServiceFile(flags.config) : undefined);
    const asked = { records: flags.records, region: flags.region, credentials: flags["credentials-file"] };
    const source = openBatchSource(asked, config?.inference, io);
    const search = await findAnswer(id.data, { client, source });
    assertFound(id.data, search, source.place);
    const answer = answering(search.found);
    const log = await client.proveAudit([answer.logged.seq]);
    const broken = brokenProof([answer.logged], log);
    if (broken !== undefined)
      throw new Fault(
        "evidence-invalid",
        `the root of ${answer.batch.name} is not proven to be in the log: ${broken}`,
      );
    if (flags.key !== undefined && flags.key !== log.key)
      throw new Fault("evidence-invalid", "the audit log is signed by another key than that of --key");
    const { record, batch, logged } = answer;
    out.table(["", ""], describe(answer));
    out.say(
      `\n${out.paint("good", "proven")}  record ${batch.index} of ${batch.count} in ${batch.name}, whose root is record ${logged.seq} of the log signed by ${log.key}`,
    );
    if (search.altered.length > 0)
      out.say(`Other batches are not those that the log names: ${search.altered.slice(0, 3).join(", ")}`);
    out.summary({ id: record.id, ...answer, log, altered: search.altered, missing: search.missing });
    return 0;
  },
});

/** The record of the instance that answered; else that of the one that the client spoke to. */
function answering(found: readonly FoundAnswer[]): FoundAnswer {
  const own = found.find(({ record }) => record.answeredBy === record.instance);
  const [first] = found;
  if (!first) throw new Fault("internal", "expected a record");
  return own ?? first;
}

const describe = ({ record }: FoundAnswer): [string, string][] => [
  ["request", `${record.id}, ${record.at}`],
  [
    "model",
    record.version === null ? (record.model ?? "unknown") : `${record.model}, version ${record.version}`,
  ],
  ["release", record.release ?? "no approved release"],
  ["instance", `${record.service}/${record.answeredBy ?? "none answered"}`],
  ["decision", `${record.decision}, status ${record.status}${record.whole ? "" : ", cut short"}`],
  ["configuration", record.config],
  ["policy", record.policy ?? "none in force"],
  ["input", record.inputHash ?? "not all of it came"],
  ["output", record.outputHash ?? "none"],
  ["latency", `${record.latencyMs} ms`],
];
