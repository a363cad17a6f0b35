import { exitCodes } from "@locum/contracts";
import { declineReasons, type InjectConfig, isWorkload, patchPod, podOf } from "@locum/injection";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { readObjects } from "../inject/read-objects.ts";
import { reportBroken } from "../inject/report-outcomes.ts";

export const render = defineCommand({
  usage: "render -f FILE",
  about:
    "Prints what the webhook would answer when this pod is created, or a pod of this object: the JSON patch, and its warnings. Services are not at hand there, so a port without a name is declined.",
  examples: [["locum render -f pod.yaml", "one AdmissionResponse a pod, as JSON"]],
  flags: injectFlags,
  async run({ flags, io, out }) {
    const config = await readInjectConfig(flags, io);
    const { objects, broken } = await readObjects(flags.file, { io });
    reportBroken(broken, { io, out });
    if (broken.length > 0) return exitCodes.degraded;
    const pods = objects.flatMap((object) => (isWorkload(object) ? (podOf(object) ?? []) : []));
    const answers = pods.map((pod) => answerFor(pod, config));
    for (const answer of answers) out.say(JSON.stringify(answer, null, 2));
    if (answers.length === 0) out.progress("no object here makes pods");
    out.summary({ answers });
    return exitCodes.ok;
  },
});

function answerFor(pod: unknown, config: InjectConfig): object {
  const result = patchPod(pod, { config });
  if (result.kind === "declined")
    return {
      allowed: true,
      warnings: [`locum: ${result.reason}: ${result.detail}. ${declineReasons[result.reason]}`],
    };
  const warnings = result.notes.map(({ code, detail }) => `locum: ${code}: ${detail}`);
  return { allowed: true, patchType: "JSONPatch", patch: result.patch, warnings };
}
