import { readdirSync, readFileSync } from "node:fs";

export type ProcessEntry = { pid: number; parent: number; args: string[] };

/** Every process below `root`, from /proc; empty where there is none (not Linux). */
export function processesBelow(root: number): ProcessEntry[] {
  const all = everyProcess();
  const found: ProcessEntry[] = [];
  for (let parents = [root]; parents.length > 0; ) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children);
    parents = children.map(({ pid }) => pid);
  }
  return found;
}

/** Processes that were started for this folder, whoever their parent is now. */
export const processesNaming = (folder: string): ProcessEntry[] =>
  everyProcess().filter(({ args }) => args.some((arg) => arg.includes(folder)));

function everyProcess(): ProcessEntry[] {
  return entriesOf("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The second field is the command in brackets and may hold anything; what follows its end is fixed.
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const args = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").filter(Boolean);
      return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent), args }];
    } catch {
      return [];
    }
  });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
