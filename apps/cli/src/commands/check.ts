import { exitCodes, Fault, faultTable, problemLine, readServiceFile } from "@locum/contracts";
import { checkFiles, checkServers, type Finding } from "../check-service.ts";
import { defineCommand } from "../command.ts";
import { configFlag } from "../config-flag.ts";

export const check = defineCommand({
  usage: "check [--config FILE]",
  about:
    "Names every problem of a service file with its line, what was expected and what was found; then whether its folders, keys and releases are in order. Exit 64 with any problem.",
  examples: [
    ["locum check", "locum.yaml of this folder"],
    ["locum check --config digits.yaml --online", "asks the model servers too"],
  ],
  flags: { ...configFlag, online: { kind: "switch", about: "ask each model server too" } },
  async run({ flags, io, out }) {
    const parsed = await readServiceFile(flags.config);
    if ("problems" in parsed) {
      for (const problem of parsed.problems) {
        out.say(problemLine(flags.config, problem));
        out.event({ kind: "problem", ...problem });
      }
      out.summary({ ok: false, file: flags.config, problems: parsed.problems, findings: [] });
      throw new Fault("config-invalid", `${flags.config} has ${parsed.problems.length} problem(s)`, {
        hint: "Each line above names its place, what was expected and what was found.",
      });
    }
    const { config } = parsed;
    const findings: Finding[] = [
      { level: "ok", what: "file", detail: `${config.service}: ${config.instances.length} instance(s)` },
      ...(await checkFiles(config, io)),
      ...(flags.online ? await checkServers(config) : []),
    ];
    for (const { level, what, detail } of findings) {
      out.say(`${out.paint(colours[level], level.padEnd(4))} ${what.padEnd(10)} ${detail}`);
      out.event({ kind: "finding", level, what, detail });
    }
    const isBad = findings.some(({ level }) => level === "bad");
    out.summary({ ok: !isBad, file: flags.config, problems: [], findings });
    return isBad ? faultTable["config-invalid"].exit : exitCodes.ok;
  },
});

const colours = { ok: "good", note: "warn", bad: "bad" } as const;
