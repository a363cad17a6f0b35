import { join } from "node:path";
import { type LogVerdict, logIdIn, type NoteKey, noteKeyText, readNoteKey, verifyLog } from "@locum/audit";
import { documentLines } from "@locum/audit/elasticsearch";
import { projectionLines } from "@locum/audit/projection";
import { Fault, loadServiceFile } from "@locum/contracts";
import { accessElasticsearch, elasticsearchFlags } from "../audit/elasticsearch-flags.ts";
import { defineCommand } from "../command.ts";
import { verifyReport } from "./verify.ts";

const sources = ["log", "sqlite", "es", "bundle"] as const;
type Source = (typeof sources)[number];

export const auditVerify = defineCommand({
  usage: "audit verify [FOLDER | FILE]",
  about:
    "Reads an audit log, or its copy in SQLite or Elasticsearch, and holds every record against the hashes that were signed: names what was altered, taken out or put in by its number. Needs no collector. Only a key that you kept elsewhere proves who signed.",
  examples: [
    ["locum audit verify", "the log of the collector that the service file names"],
    ["locum audit verify /backup/audit --key KEY", "a copy of it, and that this key signed it"],
    ["locum audit verify --witness KEY", "and that this sidecar saw it grow"],
    ["locum audit verify --from sqlite", "what the collector's API answers from"],
    ["locum audit verify --from es", "what people see in Kibana, against the checkpoint in the audit folder"],
    ["locum audit verify --from bundle dossier.json", "a dossier, without a log at hand"],
  ],
  flags: {
    config: { kind: "text", fallback: "locum.yaml", about: "service file, where no folder is named" },
    from: { kind: "text", fallback: "log", about: "log, sqlite, es or bundle" },
    projection: { kind: "text", about: "the SQLite file; audit.db beside the folder if absent" },
    key: { kind: "text", about: "key that must have signed, as <name>+<id>+<base64>" },
    witness: { kind: "list", about: "key of a witness that must have cosigned; once for each" },
    ...elasticsearchFlags,
  },
  positionalsMax: 1,
  async run({ flags, positionals: [place], io, out }) {
    const from = sourceOf(flags.from);
    if (from === "bundle") {
      await verifyReport({ file: place, out, trusted: [], logKey: flags.key });
      return 0;
    }
    const collector = await collectorOf(flags.config, place);
    const dir = place ?? join(collector?.dataDir ?? "", "audit");
    const key = flags.key === undefined ? undefined : readNoteKey(flags.key);
    const witnesses = flags.witness.map(readNoteKey);
    const verdict =
      from === "es"
        ? await verifyDocuments({
            dir,
            key,
            witnesses,
            flags,
            configured: collector?.elasticsearch,
            cwd: io.cwd,
          })
        : await verifyLog({
            dir,
            key,
            witnesses,
            ...(from === "sqlite"
              ? { lines: projectionLines(flags.projection ?? join(dir, "..", "audit.db")) }
              : {}),
          });
    const findings = findingsOf(verdict);
    for (const finding of findings) out.say(finding);
    if (!verdict.ok) {
      out.event({ kind: "difference", dir, from, ...verdict });
      throw new Fault(
        "evidence-invalid",
        `${dir}: ${findings.slice(0, 3).join("; ")}${findings.length > 3 ? `; and ${findings.length - 3} more` : ""}`,
        { hint: "Keep the folder as it is, and compare it with a copy or with what witnesses signed." },
      );
    }
    out.say(`${out.paint("good", "unchanged")}  ${verdict.records} records in ${dir}`);
    out.say(heldAgainst(verdict));
    out.summary({ dir, from, ...verdict, key: key ? noteKeyText(key) : null });
    return 0;
  },
});

/** A service file is needed only where no folder is named. */
async function collectorOf(file: string, place: string | undefined) {
  try {
    return (await loadServiceFile(file)).collector;
  } catch (error) {
    if (place !== undefined && error instanceof Fault) return undefined;
    throw error;
  }
}

async function verifyDocuments({
  dir,
  key,
  witnesses,
  flags,
  configured,
  cwd,
}: {
  dir: string;
  key: Parameters<typeof verifyLog>[0]["key"];
  witnesses: NoteKey[];
  flags: Parameters<typeof accessElasticsearch>[0];
  configured: Parameters<typeof accessElasticsearch>[1];
  cwd: string;
}): Promise<LogVerdict> {
  const logId = await logIdIn(dir);
  if (logId === undefined)
    throw new Fault(
      "not-found",
      `${dir} has no checkpoint: what Elasticsearch has cannot be held against it`,
      {
        hint: "Name the audit folder of the collector, or a copy with its checkpoint and tiles.",
      },
    );
  const { server, namespace } = await accessElasticsearch(flags, configured, cwd);
  try {
    return await verifyLog({ dir, key, witnesses, lines: documentLines(server, { logId, namespace }) });
  } finally {
    await server.close();
  }
}

function sourceOf(text: string): Source {
  const source = sources.find((one) => one === text);
  if (source) return source;
  throw new Fault("usage", `--from ${text}: expected one of ${sources.join(", ")}`);
}

function findingsOf({ altered, missing, inserted, problems, more }: LogVerdict): string[] {
  return [
    ...problems,
    ...altered.map((seq) => `record ${seq} was altered`),
    ...missing.map(({ from, to }) =>
      from === to ? `record ${from} is missing` : `records ${from} to ${to} are missing`,
    ),
    ...inserted.map(({ after, lines }) =>
      lines === 1
        ? `a line was put in after record ${after}`
        : `${lines} lines were put in after record ${after}`,
    ),
    ...(more ? ["more was found than is listed"] : []),
  ];
}

function heldAgainst({ signed, records, witnesses }: LogVerdict): string {
  if (!signed) return "Nothing was ever signed: the records were held against each other only.";
  const rest = records - signed.size;
  const later = rest > 0 ? ` The ${rest} after it were held against each other.` : "";
  const who = signed.byKey
    ? ""
    : " Without --key it is not proven who signed: whoever can write the folder could have.";
  const seen =
    witnesses.length === 0
      ? " No witness cosigned."
      : ` ${witnesses.length} cosigned, ${witnesses.filter(({ size }) => size === signed.size).length} of them all that was signed.`;
  return `The first ${signed.size} were signed as ${signed.origin}.${seen}${later}${who}`;
}
