import { styleText } from "node:util";
import { readOptions, type SimOptions, usage } from "./options.ts";
import { type Outcome, simulate } from "./run.ts";
import { summarize } from "./summary.ts";
import { printTrace } from "./trace.ts";

/** Exit codes: 0, 2 for a wrong call, 127 the core crashed, 128 liveness, 129 safety; the worst of all seeds counts. */
function main(): number {
  const options = readOptions(process.argv.slice(2));
  if ("error" in options) {
    console.error(`${options.error}\n\n${usage}`);
    return 2;
  }
  if ("help" in options) {
    console.log(usage);
    return 0;
  }
  const startedMs = performance.now();
  const outcomes: Outcome[] = [];
  for (let seed = options.seeds[0]; seed <= options.seeds[1]; seed++) outcomes.push(runOne(seed, options));
  const summary = summarize(outcomes, (performance.now() - startedMs) / 1000);
  if (options.json) console.log(JSON.stringify(summary));
  else
    console.log(
      `${summary.seeds} seed(s), ${summary.hours} cluster-hours at ${summary.heartbeatMs} ms heartbeats, ` +
        `${summary.clusterHoursPerSecond} cluster-hours/s; ${summary.faults} faults, ${summary.promotions} promotions, ` +
        `${summary.restores} restores; ${summary.violations} violation(s)`,
    );
  return Math.max(...outcomes.map(exitCodeOf));
}

function runOne(seed: number, { hours, json, trace }: SimOptions): Outcome {
  const outcome = simulate({ seed, hours, say: trace && !json ? printTrace : null });
  const code = exitCodeOf(outcome);
  if (code === 0) return outcome;
  const replay = `npm run sim -- --seed ${seed} --hours ${hours}`;
  const what = outcome.violations.map(({ invariant, atMs, detail }) => ({ invariant, atMs, detail }));
  if (json)
    console.log(
      JSON.stringify({ kind: "violation", seed, code, violations: what, crash: crashOf(outcome), replay }),
    );
  else {
    const red = (text: string) => styleText("red", text, { stream: process.stdout });
    console.log(
      red(`seed ${seed}: ${code === 127 ? "the core crashed" : code === 128 ? "liveness" : "safety"}`),
    );
    for (const { invariant, atMs, detail } of what)
      console.log(`  ${invariant} at ${(atMs / 1000).toFixed(3)} s: ${detail}`);
    if (outcome.crash) console.log(`  ${crashOf(outcome)}`);
    console.log(`  replay: ${replay} --trace`);
  }
  return outcome;
}

const crashOf = ({ crash }: Outcome): string | null =>
  crash === null ? null : crash instanceof Error ? (crash.stack ?? crash.message) : String(crash);

function exitCodeOf({ crash, violations }: Outcome): number {
  if (violations.some(({ invariant }) => invariant !== "I5")) return 129;
  if (violations.length > 0) return 128;
  return crash === null ? 0 : 127;
}

process.exitCode = main();
