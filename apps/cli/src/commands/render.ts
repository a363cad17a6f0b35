import { exitCodes } from "@locum/contracts";
import { declineReasons, isWorkload, objectsIn, patchPod, podOf, readStream } from "@locum/injection";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { reportBroken } from "../inject/report-outcomes.ts";

export const render = defineCommand({
  usage: "render -f FILE",
  about:
    "Prints what the webhook would answer when this pod is created, or a pod of this object: the JSON patch, and its warnings. Services are not at hand there, so a port without a name is declined.",
  examples: [["locum render -f pod.yaml", "one AdmissionResponse a pod, as JSON"]],
  flags: injectFlags,
  async run({ flags, io, out }) {
    const config = await readInjectConfig(flags, io);
    const answers: object[] = [];
    for (const { name, text } of await readInputs(flags.file, { io })) {
      const stream =
        text === null ? { problem: { line: 1, column: 1, message: "expected UTF-8" } } : readStream(text);
      if ("problem" in stream) {
        reportBroken([{ name, ...stream.problem }], { io, out });
        return exitCodes.degraded;
      }
      for (const { object } of stream.values.flatMap((value) => objectsIn(value))) {
        const pod = isWorkload(object) ? podOf(object) : null;
        if (!pod) continue;
        const result = patchPod(pod, { config });
        answers.push(
          result.kind === "patch"
            ? {
                allowed: true,
                patchType: "JSONPatch",
                patch: result.patch,
                warnings: result.notes.map(({ code, detail }) => `locum: ${code}: ${detail}`),
              }
            : {
                allowed: true,
                warnings: [`locum: ${result.reason}: ${result.detail}. ${declineReasons[result.reason]}`],
              },
        );
      }
    }
    for (const answer of answers) out.say(JSON.stringify(answer, null, 2));
    if (answers.length === 0) out.progress("no object here makes pods");
    out.summary({ answers });
    return exitCodes.ok;
  },
});
