import { exitCodes, Fault } from "@locum/contracts";
import type { Outcome } from "@locum/injection";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { injectInputs } from "../inject/inject-inputs.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { type OutputForm, outputForms, renderOutput } from "../inject/render-output.ts";
import { nameOf, reportBroken, reportOutcomes } from "../inject/report-outcomes.ts";
import { readMachine, unitFlags } from "../inject/unit-flags.ts";
import { writeBack } from "../inject/write-back.ts";
import type { Output } from "../output.ts";

export const inject = defineCommand({
  usage: "inject -f FILE",
  about:
    "Puts sidecars into what is labelled locum.dev/inject: enabled: manifests and Helm or kustomize output, Compose files, systemd units. YAML on standard output with comments, order and style kept; one line an object on standard error. Anything else passes through byte by byte. Exit 2 where the input is broken.",
  examples: [
    ["locum inject -f deployment.yaml | kubectl apply -f -", "one file"],
    ["helm template triton ./chart | locum inject -f -", "what Helm renders"],
    ["locum inject -f manifests/ --in-place", "every file of a folder"],
    ["locum inject -f deployment.yaml -o kustomize", "as patches of a kustomization"],
    ["locum inject -f triton.service -o unit", "the unit of the sidecar beside a unit"],
    [
      "locum inject -f triton.service -o unit --collector https://c:8470 --ca-file /etc/locum/ca.crt",
      "of one that a collector on another machine looks after",
    ],
  ],
  flags: {
    ...injectFlags,
    output: { kind: "text", short: "o", fallback: "yaml", about: outputForms.join(", ") },
    "in-place": { kind: "switch", about: "write each file back instead" },
    ...unitFlags,
  },
  async run({ flags, io, out }) {
    const form = formOf(flags.output);
    const config = await readInjectConfig(flags, io);
    const inputs = await readInputs(flags.file, { io });
    const { files, broken } = injectInputs(inputs, {
      config,
      unitName: flags.unit,
      machine: readMachine(flags),
    });
    const outcomes = files.flatMap((file) => file.outcomes);
    reportBroken(broken, { io, out });
    if (broken.length > 0) {
      out.summary({ broken });
      return exitCodes.degraded;
    }
    reportOutcomes(outcomes, { io, out });
    const count = (outcome: Outcome["outcome"]) => outcomes.filter((one) => one.outcome === outcome).length;
    out.summary({
      injected: count("injected"),
      declined: count("declined"),
      passed: count("passed"),
      text: renderOutput(form === "table" ? "yaml" : form, files),
    });
    if (flags["in-place"]) await writeBack(files, io);
    else if (form === "table") showTable(out, outcomes);
    else if (!out.json) io.stdout.write(renderOutput(form, files));
    return exitCodes.ok;
  },
});

function formOf(text: string): OutputForm {
  const form = outputForms.find((one) => one === text);
  if (!form) throw new Fault("usage", `--output ${text}: expected one of ${outputForms.join(", ")}`);
  return form;
}

function showTable(out: Output, outcomes: readonly Outcome[]): void {
  out.table(
    ["object", "outcome", "server", "port", "tap", "detail"],
    outcomes.map((one) => [
      nameOf(one),
      {
        text: one.outcome,
        colour:
          one.outcome === "injected"
            ? ("good" as const)
            : one.outcome === "declined"
              ? ("warn" as const)
              : ("dim" as const),
      },
      ...(one.outcome === "injected" && one.target
        ? [
            one.target.server,
            one.target.port,
            one.target.tapPort ?? "-",
            one.notes.map(({ code }) => code).join(" "),
          ]
        : ["", "", "", one.outcome === "declined" ? `${one.reason}: ${one.detail}` : ""]),
    ]),
  );
}
