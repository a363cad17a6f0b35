import { parseArgs } from "node:util";
import { Fault } from "@locum/contracts";

/** One flag of a command line: its kind, whether it must be there, and what it is for. */
export type FlagSpec = {
  kind: "text" | "switch" | "list";
  required?: boolean;
  fallback?: string;
  /** One letter, for what is typed often. */
  short?: string;
  about: string;
};

type ValueOf<Spec extends FlagSpec> = Spec["kind"] extends "switch"
  ? boolean
  : Spec["kind"] extends "list"
    ? string[]
    : Spec extends { required: true } | { fallback: string }
      ? string
      : string | undefined;

export type Flags<Specs extends Record<string, FlagSpec>> = { [Name in keyof Specs]: ValueOf<Specs[Name]> };

/**
 * Reads the flags of one command. Unknown flags, missing values and missing required flags are one fault that names
 * them. Secrets have no flag: a command line is readable by every user of the machine.
 * @throws Fault usage
 */
export function parseFlags<const Specs extends Record<string, FlagSpec>>(
  argv: readonly string[],
  specs: Specs,
  { positionalsMax = 0 }: { positionalsMax?: number } = {},
): { flags: Flags<Specs>; positionals: string[] } {
  const { values, positionals } = parsed(argv, specs);
  if (positionals.length > positionalsMax)
    throw new Fault(
      "usage",
      `expected at most ${positionalsMax} argument(s), found "${positionals.join(" ")}"`,
    );
  const missing = Object.keys(specs).filter((name) => specs[name]?.required && values[name] === undefined);
  if (missing.length > 0)
    throw new Fault("usage", `expected ${missing.map((name) => `--${name}`).join(", ")}, found nothing`);
  const flags = Object.fromEntries(
    Object.entries(specs).map(([name, { kind, fallback }]) => [
      name,
      values[name] ?? (kind === "switch" ? false : kind === "list" ? [] : fallback),
    ]),
  );
  return { flags: flags as Flags<Specs>, positionals };
}

function parsed(argv: readonly string[], specs: Record<string, FlagSpec>) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(specs).map(([name, { kind, short }]) => [
          name,
          {
            type: kind === "switch" ? ("boolean" as const) : ("string" as const),
            multiple: kind === "list",
            ...(short ? { short } : {}),
          },
        ]),
      ),
    });
  } catch (error) {
    // Node's message may run on with advice about its own API.
    const message = (error as Error).message.split(/\. |\n/)[0] ?? "unreadable flags";
    throw new Fault("usage", message, { cause: error });
  }
}
