import { exitCodes } from "@locum/contracts";
import { declineReasons, injectWorkload, isWorkload, objectsIn, readStream } from "@locum/injection";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { reportBroken } from "../inject/report-outcomes.ts";

export const explain = defineCommand({
  usage: "explain -f FILE",
  about:
    "Says of each pod, or of each object that makes pods, why it is injected or why it is not: rule by rule, in the order in which they are asked.",
  examples: [
    ["locum explain -f deployment.yaml", "a file"],
    ["kubectl get pod triton-0 -o yaml | locum explain -f -", "a pod that runs"],
  ],
  flags: injectFlags,
  async run({ flags, io, out }) {
    const config = await readInjectConfig(flags, io);
    const explained: object[] = [];
    for (const { name, text } of await readInputs(flags.file, { io })) {
      const stream =
        text === null ? { problem: { line: 1, column: 1, message: "expected UTF-8" } } : readStream(text);
      if ("problem" in stream) {
        reportBroken([{ name, ...stream.problem }], { io, out });
        return exitCodes.degraded;
      }
      for (const object of stream.values.flatMap((value) => objectsIn(value).map((found) => found.object))) {
        if (!isWorkload(object)) continue;
        const rules: { rule: string; found: string }[] = [];
        const result = injectWorkload(object, {
          config,
          onRule: (rule, found) => void rules.push({ rule, found }),
        });
        const title = `${String(object.kind).toLowerCase()}/${String((object.metadata as { name?: unknown })?.name ?? "-")}`;
        out.say(
          `${out.paint("bold", title)}  ${result.kind === "injected" ? out.paint("good", "injected") : out.paint("warn", "not injected")}`,
        );
        const last =
          result.kind === "declined"
            ? [["stops at", `${result.reason}: ${result.detail}. ${declineReasons[result.reason]}`]]
            : result.notes.map(({ code, detail }) => ["note", `${code}: ${detail}`]);
        out.table(["rule", "found"], [...rules.map(({ rule, found }) => [rule, found]), ...last]);
        out.say("");
        const { kind: outcome, ...rest } =
          result.kind === "declined"
            ? result
            : { kind: "injected", notes: result.notes, target: result.target };
        explained.push({ object: title, outcome, rules, ...rest });
      }
    }
    if (explained.length === 0) out.progress("no object here makes pods");
    out.summary({ explained });
    return exitCodes.ok;
  },
});
