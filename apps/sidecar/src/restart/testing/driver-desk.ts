import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@locum/runtime";
import type { RestartDeps } from "../restart-driver.ts";

export type DriverDesk = {
  dir: string;
  deps: RestartDeps;
  told: string[];
  logs: string[];
  /** A program on the desk's own PATH: a shell script, which has its folder as $DESK. */
  program(name: string, script: string): Promise<string>;
  close(): Promise<void>;
};

/** A folder with programs of its own in front of the system's, and everything that a driver needs. */
export async function openDriverDesk(env: NodeJS.ProcessEnv = {}): Promise<DriverDesk> {
  const dir = await mkdtemp(join(tmpdir(), "locum-restart-"));
  const bin = join(dir, "bin");
  await mkdir(bin);
  const told: string[] = [];
  const logs: string[] = [];
  return {
    dir,
    told,
    logs,
    deps: {
      stateDir: join(dir, "state"),
      pidFile: join(dir, "pid"),
      env: { ...process.env, ...env, PATH: `${bin}:${process.env.PATH}`, DESK: dir },
      clock: systemClock,
      log: (level, message, facts) => logs.push(`${level} ${message} ${JSON.stringify(facts ?? {})}`),
      onOwnRestart: (reason, result) => told.push(result ? `${reason}: ${result.detail}` : reason),
    },
    async program(name, script) {
      const file = join(bin, name);
      await writeFile(file, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o755);
      return file;
    },
    close: () => rm(dir, { recursive: true, force: true }),
  };
}
