import type { SetupPlan } from "@locum/audit/elasticsearch";
import type { Output } from "../output.ts";

/** What the server is, and what is done without. */
export function showServer(out: Output, { family, version, lacks }: SetupPlan): void {
  out.progress(`${family === "opensearch" ? "OpenSearch" : "Elasticsearch"} ${version}`);
  for (const lack of lacks) out.progress(`  done without ${lack}`);
}

const words = { same: "as it should be", absent: "would be made", different: "would be changed" } as const;

export function showSteps(
  out: Output,
  { family, version, lacks, steps }: SetupPlan,
  { keys, dashboards }: { keys: readonly string[]; dashboards: string | null },
): void {
  const rows = steps.map(({ asset, state }) => [asset.kind, asset.name, words[state]]);
  out.table(["kind", "name", "state"], rows);
  for (const file of keys) out.say(`would write ${file}`);
  if (dashboards !== null) out.say(`would import the dashboards at ${dashboards}`);
  out.summary({
    dryRun: true,
    family,
    version,
    lacks,
    steps: steps.map(({ asset: { kind, name }, state }) => ({ kind, name, state })),
    keys,
    dashboards,
  });
}

/** Gives whether there is any. */
export function showDifferences(out: Output, { steps }: SetupPlan): boolean {
  const shown = steps.filter(({ state }) => state !== "same");
  for (const { asset, state, differences } of shown) {
    out.say(out.paint("bold", `${asset.kind} ${asset.name}${state === "absent" ? "  (not there)" : ""}`));
    for (const { path, found, wanted } of differences) {
      if (found !== null) out.say(out.paint("bad", `  - ${path}: ${found}`));
      if (wanted !== null) out.say(out.paint("good", `  + ${path}: ${wanted}`));
    }
  }
  out.say(`${shown.length} different, ${steps.length - shown.length} as they should be`);
  out.summary({
    different: shown.map(({ asset: { kind, name }, state, differences }) => ({
      kind,
      name,
      state,
      differences,
    })),
  });
  return shown.length > 0;
}
