import { exitCodes, faultTable } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { injectInputs } from "../inject/inject-inputs.ts";
import { lineDiff } from "../inject/line-diff.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { reportBroken, reportOutcomes } from "../inject/report-outcomes.ts";
import { readMachine, unitFlags } from "../inject/unit-flags.ts";
import { visible } from "../table.ts";

export const diff = defineCommand({
  usage: "diff -f FILE",
  about:
    "Shows what inject would change in a file: its own lines and nothing else. Of a file that is injected already, what this version and these values would change. Exit 3 where something would.",
  examples: [
    ["locum diff -f deployment.yaml", "before inject"],
    ["locum diff -f injected.yaml --kubelet 1.34", "is it what this version would write?"],
  ],
  flags: { ...injectFlags, ...unitFlags },
  async run({ flags, io, out }) {
    const config = await readInjectConfig(flags, io);
    const { files, broken } = injectInputs(await readInputs(flags.file, { io }), {
      config,
      unitName: flags.unit,
      machine: readMachine(flags),
    });
    reportBroken(broken, { io, out });
    if (broken.length > 0) return exitCodes.degraded;
    reportOutcomes(
      files.flatMap(({ outcomes }) => outcomes.filter(({ outcome }) => outcome === "declined")),
      { io, out },
    );
    const changed = files.filter(({ before, after }) => before !== after);
    for (const { name, before, after } of changed) {
      const hunks = lineDiff(before, after);
      out.event({ kind: "diff", name, hunks });
      out.say(out.paint("bold", `--- ${name}\n+++ ${name} (injected)`));
      for (const hunk of hunks) {
        out.say(out.paint("dim", "@@"));
        for (const { sign, text } of hunk)
          out.say(out.paint(sign === "+" ? "good" : sign === "-" ? "bad" : "dim", visible(`${sign}${text}`)));
      }
    }
    out.summary({ different: changed.map(({ name }) => name) });
    return changed.length === 0 ? exitCodes.ok : faultTable["objective-missed"].exit;
  },
});
