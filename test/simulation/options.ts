import { parseArgs } from "node:util";

export type SimOptions = { seeds: [number, number]; hours: number; json: boolean; trace: boolean };

export const usage = `npm run sim -- [--seed N | --seeds A..B] [--hours H] [--json] [--trace]

  Runs the untouched decision core in a seeded world of faults, and checks its invariants after every event.

  --seed N       one world (1 if absent)
  --seeds A..B   all of them, one after the other
  --hours H      of its own time, each (1 if absent). Up to 0.2 a sidecar beats every 500 ms, above every 5 s
  --json         one JSON object a line, the last one of kind "summary"
  --trace        tells what happened

  npm run sim -- --seeds 1..200 --hours 0.05
  npm run sim -- --seed 7 --hours 0.05 --trace

  Exit code: 0 all held, 127 the core crashed, 128 liveness, 129 safety.`;

const hoursMax = 10_000;

/** The command line, or what is wrong with it. */
export function readOptions(argv: string[]): SimOptions | { error: string } | { help: true } {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        seed: { type: "string" },
        seeds: { type: "string" },
        hours: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
        trace: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { help: true };
    if (values.seed !== undefined && values.seeds !== undefined)
      return { error: "either --seed or --seeds, not both" };
    const range = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(values.seeds ?? values.seed ?? "1");
    if (!range) return { error: `--seed takes a whole number, --seeds two as in 1..200` };
    const from = Number(range[1]);
    const to = range[2] === undefined ? from : Number(range[2]);
    if (to < from) return { error: `--seeds ${values.seeds}: the first is the smaller one` };
    const hours = Number(values.hours);
    if (!(hours > 0 && hours <= hoursMax))
      return { error: `--hours takes a number above 0, at most ${hoursMax}` };
    return { seeds: [from, to], hours, json: values.json, trace: values.trace };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
