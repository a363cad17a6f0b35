import { readFile, stat } from "node:fs/promises";
import { type EvidenceVerdict, verifyEvidence } from "@locum/audit";
import { Fault } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import { spanText } from "../span-text.ts";

const bytesMax = 134_217_728;

export const verify = defineCommand({
  usage: "verify FILE",
  about:
    "Checks a signed report offline, JSON or HTML: every byte counts. Says what it reports, or which part was changed.",
  examples: [
    ["locum verify evidence/drill-kill-a.json", "signature, digests and the chain of its records"],
    ["locum verify report.html --key 0123456789abcdef", "and that this key signed it"],
  ],
  flags: { key: { kind: "list", about: "key id that is believed; any if absent" } },
  positionalsMax: 1,
  async run({ flags, positionals: [file], out }) {
    await verifyReport({ file, out, trusted: flags.key });
    return 0;
  },
});

/**
 * `trusted` are ids of keys that sign reports; any if empty. `logKey` has to be the log's that a dossier is from.
 * @throws Fault usage | not-found | evidence-invalid
 */
export async function verifyReport({
  file,
  out,
  trusted,
  logKey,
}: {
  file: string | undefined;
  out: Out;
  trusted: readonly string[];
  logKey?: string | undefined;
}): Promise<void> {
  if (file === undefined) throw new Fault("usage", "expected a file, found nothing");
  const verdict = verifyEvidence(await readEvidence(file), trusted.length > 0 ? { trusted } : {});
  if (!verdict.ok)
    throw new Fault("evidence-invalid", `${file}: ${verdict.where} was changed or is not right`);
  if (logKey !== undefined && verdict.evidence.log?.key !== logKey)
    throw new Fault("evidence-invalid", `${file}: its records are not proven to be in the log of that key`);
  describe(out, file, verdict);
}

async function readEvidence(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > bytesMax)
      throw new Fault("evidence-invalid", `${file} has ${size} bytes, more than any report`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("not-found", `${file} cannot be read: ${(error as Error).message}`, {
      hint: "Name a report that was written by a drill or the demo.",
      cause: error,
    });
  }
}

type Out = Parameters<Parameters<typeof defineCommand>[0]["run"]>[0]["out"];

function describe(
  out: Out,
  file: string,
  { keyId, form, evidence }: Extract<EvidenceVerdict, { ok: true }>,
): void {
  const { body, records, log } = evidence;
  out.say(`${out.paint("good", "unchanged")}  ${file}, signed by key ${keyId}\n`);
  out.say(`${body.title}\n${body.summary}\n`);
  out.table(
    ["measure", "value", "at most", ""],
    body.measures.map(({ name, unit, value, limit, met }) => [
      name,
      figure(value, unit),
      figure(limit, unit),
      { text: met ? "met" : "missed", colour: met ? "good" : "bad" },
    ]),
  );
  out.say(`\n${records.length} audit records, each chained to the one before.`);
  if (log) out.say(`Each is in the log that was signed by ${log.key}.`);
  out.summary({
    file,
    form,
    keyId,
    title: body.title,
    cause: body.cause,
    service: body.service,
    createdAt: body.createdAt,
    measures: body.measures,
    records: records.length,
    log: log?.key ?? null,
  });
}

const figure = (value: number | null, unit: string): string =>
  value === null ? "-" : unit === "ms" ? spanText(value) : `${value}${unit === "bytes" ? " bytes" : ""}`;
