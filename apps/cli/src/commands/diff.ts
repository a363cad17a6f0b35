import { exitCodes, faultTable } from "@locum/contracts";
import { createKubernetes } from "@locum/runtime/kubernetes";
import { accessCluster, clusterFlags, noCluster } from "../cluster-access.ts";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { injectInputs } from "../inject/inject-inputs.ts";
import { type DiffLine, lineDiff } from "../inject/line-diff.ts";
import { type LiveLook, lookAtLive } from "../inject/look-at-live.ts";
import { readInputs } from "../inject/read-inputs.ts";
import { reportBroken, reportOutcomes } from "../inject/report-outcomes.ts";
import { readMachine, unitFlags } from "../inject/unit-flags.ts";
import type { Output } from "../output.ts";
import { visible } from "../table.ts";

export const diff = defineCommand({
  usage: "diff -f FILE",
  about:
    "Shows what inject would change in a file: its own lines and nothing else. Of a file that is injected already, what this version and these values would change. Exit 3 where something would. With --live also what the cluster's objects, or their pods, have of it: then exit 3 where one of them is not as the file would be.",
  examples: [
    ["locum diff -f deployment.yaml", "before inject"],
    ["locum diff -f injected.yaml --kubelet 1.34", "is it what this version would write?"],
    ["locum diff -f deployment.yaml --live --values values.yaml", "does the cluster run it so?"],
  ],
  flags: {
    ...injectFlags,
    ...unitFlags,
    ...clusterFlags,
    live: { kind: "switch", about: "three ways: the file, as injected, and as the cluster has it" },
  },
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
      showHunks(out, [name, `${name} (injected)`], hunks);
    }
    const different = changed.map(({ name }) => name);
    if (!flags.live) {
      out.summary({ different });
      return different.length === 0 ? exitCodes.ok : faultTable["objective-missed"].exit;
    }
    const access = await accessCluster(flags, io);
    if (!access) throw noCluster();
    const kubernetes = createKubernetes(access);
    try {
      const documents = files.flatMap(({ objects }) => objects.map(({ before }) => before));
      const looks = await lookAtLive(documents, { kubernetes, config });
      showLive(out, looks);
      out.summary({ different, live: looks.map(({ hunks: _hunks, ...look }) => look) });
      const isSame = looks.every(({ state }) => state === "as-injected");
      return isSame ? exitCodes.ok : faultTable["objective-missed"].exit;
    } finally {
      kubernetes.close();
    }
  },
});

function showHunks(
  out: Output,
  [from, to]: readonly [from: string, to: string],
  hunks: readonly DiffLine[][],
): void {
  out.say(out.paint("bold", `--- ${visible(from)}\n+++ ${visible(to)}`));
  for (const hunk of hunks) {
    out.say(out.paint("dim", "@@"));
    for (const { sign, text } of hunk)
      out.say(out.paint(sign === "+" ? "good" : sign === "-" ? "bad" : "dim", visible(`${sign}${text}`)));
  }
}

function showLive(out: Output, looks: readonly LiveLook[]): void {
  for (const { object, hunks } of looks) {
    if (hunks.length === 0) continue;
    out.event({ kind: "live-diff", object, hunks });
    showHunks(out, [`${object} (live)`, `${object} (injected)`], hunks);
  }
  out.table(
    ["object", "live", "compared"],
    looks.map(({ object, state, where }) => [
      object,
      { text: state, colour: state === "as-injected" ? "good" : "warn" },
      where,
    ]),
  );
}
