import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault } from "@locum/contracts";

const sources = {
  collector: "apps/collector/src/main.ts",
  sidecar: "apps/sidecar/src/main.ts",
  front: "apps/sidecar/src/front.ts",
} as const;
export type Program = keyof typeof sources;

/** The file that starts a program: its source in the repository, or the bundle beside this one. */
export function findProgram(program: Program, root: string, self = process.argv[1] ?? ""): string {
  const bundles = ["cjs", "mjs", "js"].map((ending) => join(dirname(self), `${program}.${ending}`));
  const found = [join(root, sources[program]), ...bundles].find((file) => existsSync(file));
  if (!found) throw new Fault("not-found", `the program ${program} is neither in ${root} nor beside ${self}`);
  return found;
}
