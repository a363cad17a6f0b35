import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program beside this one, on the same Node; what it prints comes line by line, as JSON. */
export type Child = {
  process: ChildProcess;
  /** The next line that it prints; undefined at its end. */
  line(): Promise<Record<string, unknown> | undefined>;
  /** Resolves when it has ended. */
  ended: Promise<number | null>;
};

export function startChild(program: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async line() {
      const { value, done } = await lines.next();
      return done ? undefined : (JSON.parse(value) as Record<string, unknown>);
    },
    ended: once(child, "exit").then(([code]) => code as number | null),
  };
}
