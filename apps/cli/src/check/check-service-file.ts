import { exitCodes, Fault, faultTable, problemLine, readServiceFile } from "@locum/contracts";
import { checkFiles, checkServers, type Finding } from "../check-service.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";

/**
 * The groups of bare machines: a service file, and what it names. Gives the exit code.
 * @throws Fault config-unreadable | config-invalid
 */
export async function checkServiceFile(
  { config: file, online }: { config: string; online: boolean },
  { io, out }: { io: Io; out: Output },
): Promise<number> {
  const parsed = await readServiceFile(file);
  if ("problems" in parsed) {
    for (const problem of parsed.problems) {
      out.say(problemLine(file, problem));
      out.event({ kind: "problem", ...problem });
    }
    out.summary({ ok: false, file, problems: parsed.problems, findings: [] });
    throw new Fault("config-invalid", `${file} has ${parsed.problems.length} problem(s)`, {
      hint: "Each line above names its place, what was expected and what was found.",
    });
  }
  const { config } = parsed;
  const findings: Finding[] = [
    { level: "ok", what: "file", detail: `${config.service}: ${config.instances.length} instance(s)` },
    ...(await checkFiles(config, io)),
    ...(online ? await checkServers(config) : []),
  ];
  for (const { level, what, detail } of findings) {
    out.say(`${out.paint(colours[level], level.padEnd(4))} ${what.padEnd(10)} ${detail}`);
    out.event({ kind: "finding", level, what, detail });
  }
  const isBad = findings.some(({ level }) => level === "bad");
  out.summary({ ok: !isBad, file, problems: [], findings });
  return isBad ? faultTable["config-invalid"].exit : exitCodes.ok;
}

const colours = { ok: "good", note: "warn", bad: "bad" } as const;
