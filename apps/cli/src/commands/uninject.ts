import { exitCodes } from "@locum/contracts";
import { isUnit, type Uninjected, uninjectText, uninjectUnit } from "@locum/injection";
import { defineCommand } from "../command.ts";
import type { BrokenFile } from "../inject/inject-inputs.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { reportBroken } from "../inject/report-outcomes.ts";
import { writeBack } from "../inject/write-back.ts";

export const uninject = defineCommand({
  usage: "uninject -f FILE",
  about:
    "Takes out what inject put in, of this and of earlier versions. A file that was not edited since comes back byte for byte; of one that was, our parts go and the rest stays, and that is told. Exit 2 where the input is broken.",
  examples: [
    ["locum inject -f FILE | locum uninject -f -", "gives FILE"],
    ["locum uninject -f manifests/ --in-place", "every file of a folder"],
  ],
  flags: {
    file: { kind: "list", short: "f", about: "file, folder, or - for standard input" },
    "in-place": { kind: "switch", about: "write each file back instead" },
  },
  async run({ flags, io, out }) {
    const broken: BrokenFile[] = [];
    const files: { name: string; before: string; after: string }[] = [];
    for (const { name, text } of await readInputs(flags.file, { io })) {
      const taken = takenOut(text);
      if (taken.kind === "broken") {
        broken.push({ name, ...taken.problem });
        continue;
      }
      if (!taken.exact)
        out.progress(`edited   ${name}: our parts were taken out; the rest was edited since inject`);
      out.event({ kind: "file", name, exact: taken.exact, changed: taken.text !== text });
      files.push({ name, before: text ?? "", after: taken.text });
    }
    reportBroken(broken, { io, out });
    const text = files.map(({ after }) => after).join("");
    out.summary({ files: files.length, broken, text });
    if (broken.length > 0) return exitCodes.degraded;
    if (flags["in-place"]) await writeBack(files, io);
    else if (!out.json) io.stdout.write(text);
    return exitCodes.ok;
  },
});

function takenOut(text: string | null): Uninjected {
  if (text === null) return { kind: "broken", problem: { line: 1, column: 1, message: "expected UTF-8" } };
  return isUnit(text) ? { kind: "done", text: uninjectUnit(text), exact: true } : uninjectText(text);
}
