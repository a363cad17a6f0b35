import type { FlagSpec } from "@locum/runtime";

type Helped = {
  usage: string;
  about: string;
  examples: readonly (readonly [line: string, what: string])[];
  flags: Record<string, FlagSpec>;
};

/** Help of one verb: what it does, command lines to copy, then the flags. Fits 80 columns. */
export function helpFor({ usage, about, examples, flags }: Helped): string {
  const shown = Object.entries(flags).map(([name, flag]) => {
    const value = flag.kind === "switch" ? "" : ` ${name === "json" ? "" : valueName(name)}`;
    const said = [
      flag.about,
      flag.required ? "(required)" : "",
      flag.fallback === undefined ? "" : `(${flag.fallback})`,
      flag.kind === "list" ? "(may be repeated)" : "",
    ];
    return [
      `${flag.short ? `-${flag.short}, ` : ""}--${name}${value}`,
      said.filter((part) => part !== "").join(" "),
    ] as const;
  });
  return [
    `locum ${usage}`,
    "",
    ...wrap(about, 78, "  "),
    "",
    "Examples",
    ...examples.flatMap(([line, what]) => [`  ${line}`, ...wrap(what, 74, "      ")]),
    "",
    "Flags",
    ...shown.flatMap(([name, said]) => entry(name, said)),
    "",
  ].join("\n");
}

/** A name and what it is, in two columns; a long name has a line of its own. */
export function entry(name: string, said: string, column = 24): string[] {
  const lines = wrap(said, 80 - column - 2, " ".repeat(column + 2));
  if (name.length >= column) return [`  ${name}`, ...lines];
  return [`  ${name.padEnd(column)}${lines[0]?.trimStart() ?? ""}`, ...lines.slice(1)];
}

function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => `${indent}${line}`);
}

function valueName(flag: string): string {
  if (/file|config|inputs|expect|out$|^release/.test(flag)) return "FILE";
  if (/dir/.test(flag)) return "DIR";
  if (/upstream|from|collector/.test(flag)) return "URL";
  if (/listen/.test(flag)) return "HOST:PORT";
  if (/ms$|limit|timeout|after|repeats/.test(flag)) return "N";
  return flag.toUpperCase();
}
