import { isAbsolute } from "node:path";
import { Fault } from "@locum/contracts";
import type { Machine } from "@locum/injection";
import type { FlagSpec, Flags } from "@locum/runtime";
import { places } from "../systemd/unit-files.ts";

/** What a unit needs to be told, and a pod has from its cluster. */
export const unitFlags = {
  unit: { kind: "text", about: "name of the unit on standard input" },
  "token-file": {
    kind: "text",
    about: `of a unit: tokens of the collector on that machine, ${places.tokens} if absent`,
  },
  "ca-file": {
    kind: "text",
    about: "of a unit: PEM of the authority that signed the collector's certificate",
  },
} as const satisfies Record<string, FlagSpec>;

/** @throws Fault usage */
export function readMachine(flags: Omit<Flags<typeof unitFlags>, "unit">): Machine {
  const ca = flags["ca-file"];
  return {
    program: places.program,
    tokenFile: pathOf("token-file", flags["token-file"] ?? places.tokens),
    ...(ca === undefined ? {} : { caFile: pathOf("ca-file", ca) }),
  };
}

/** The unit may be read on another machine, so that no path is taken as relative to here. */
function pathOf(flag: string, path: string): string {
  if (isAbsolute(path) && path.length <= 4096 && !/["'\\\p{Cc}]/u.test(path)) return path;
  throw new Fault(
    "usage",
    `--${flag} ${path}: expected an absolute path without quotes, backslashes and control characters`,
  );
}
