import { type FlagSpec, type Flags, parseFlags } from "@locum/runtime";
import { helpFor } from "./help.ts";
import type { Io } from "./io.ts";
import { createOutput, type Output } from "./output.ts";

/** One verb of the CLI: what a person reads of it, and what it does. */
export type CommandSpec<Specs extends Record<string, FlagSpec>> = {
  /** As it is typed, without flags: `golden record`, `detect URL`. */
  usage: string;
  about: string;
  /** Command lines that work, each with what it is for. */
  examples: readonly (readonly [line: string, what: string])[];
  flags: Specs;
  positionalsMax?: number;
  /** Ends by itself after the signal; every other verb is left at once. */
  untilSignal?: boolean;
  /** Gives the exit code; 0 where it gives none. Throws a Fault for what a person can mend. */
  run(call: { flags: Flags<Specs>; positionals: string[]; io: Io; out: Output }): Promise<number | undefined>;
};

export type Command = {
  untilSignal: boolean;
  help(): string;
  execute(argv: readonly string[], io: Io): Promise<number>;
};

const jsonFlag = {
  json: { kind: "switch", about: "JSON lines for scripts; the last one has every figure" },
} as const satisfies Record<string, FlagSpec>;

export function defineCommand<const Specs extends Record<string, FlagSpec>>(
  spec: CommandSpec<Specs>,
): Command {
  const { positionalsMax = 0, untilSignal = false } = spec;
  const specs: Record<string, FlagSpec> = { ...spec.flags, ...jsonFlag };
  return {
    untilSignal,
    help: () => helpFor({ ...spec, flags: specs }),
    async execute(argv, io) {
      const { flags, positionals } = parseFlags(argv, specs, { positionalsMax });
      const out = createOutput(io, { json: Boolean(flags.json) });
      return (await spec.run({ flags: flags as Flags<Specs>, positionals, io, out })) ?? 0;
    },
  };
}
