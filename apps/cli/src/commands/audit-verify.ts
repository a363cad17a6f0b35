import { join } from "node:path";
import { type LogVerdict, noteKeyText, readNoteKey, verifyLog } from "@locum/audit";
import { projectionLines } from "@locum/audit/projection";
import { Fault, loadServiceFile } from "@locum/contracts";
import { defineCommand } from "../command.ts";

const sources = ["log", "sqlite"] as const;
type Source = (typeof sources)[number];

export const auditVerify = defineCommand({
  usage: "audit verify [FOLDER]",
  about:
    "Reads an audit log, or its copy in SQLite, and holds every record against the hashes that were signed: names what was altered, taken out or put in by its number. Needs no collector. Only a key that you kept elsewhere proves who signed.",
  examples: [
    ["locum audit verify", "the log of the collector that the service file names"],
    ["locum audit verify /backup/audit --key KEY", "a copy of it, and that this key signed it"],
    ["locum audit verify --from sqlite", "what the collector's API answers from"],
  ],
  flags: {
    config: { kind: "text", fallback: "locum.yaml", about: "service file, where no folder is named" },
    from: { kind: "text", fallback: "log", about: "log or sqlite" },
    projection: { kind: "text", about: "the SQLite file; audit.db beside the folder if absent" },
    key: { kind: "text", about: "key that must have signed, as <name>+<id>+<base64>" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [folder], out }) {
    const from = sourceOf(flags.from);
    const dir = folder ?? join((await loadServiceFile(flags.config)).collector.dataDir, "audit");
    const key = flags.key === undefined ? undefined : readNoteKey(flags.key);
    const verdict = await verifyLog({
      dir,
      key,
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

function heldAgainst({ signed, records }: LogVerdict): string {
  if (!signed) return "Nothing was ever signed: the records were held against each other only.";
  const rest = records - signed.size;
  const later = rest > 0 ? ` The ${rest} after it were held against each other.` : "";
  const who = signed.byKey
    ? ""
    : " Without --key it is not proven who signed: whoever can write the folder could have.";
  return `The first ${signed.size} were signed as ${signed.origin}.${later}${who}`;
}
