import { mkdir, open, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SetupKeys } from "@locum/audit/elasticsearch";
import { Fault } from "@locum/contracts";
import type { Io } from "../io.ts";

export type KeyFolder = {
  files: string[];
  /** Gives the files. @throws Fault storage-failed | conflict */
  write(keys: SetupKeys): Promise<string[]>;
};

const names = { ship: "elasticsearch-ship.key", read: "elasticsearch-read.key" } as const;

/**
 * Where the two API keys go, each in a file that only its owner can read. A key that is there is never written over:
 * the collector may be using it.
 * @throws Fault conflict | storage-failed
 */
export async function openKeyFolder(folder: string, { cwd }: Pick<Io, "cwd">): Promise<KeyFolder> {
  const dir = resolve(cwd, folder);
  const fileOf = (name: keyof SetupKeys): string => join(dir, names[name]);
  const files = [fileOf("ship"), fileOf("read")];
  for (const file of files)
    if (await stat(file).catch(() => null))
      throw new Fault("conflict", `${file} is there already`, {
        hint: "Leave --keys out to keep the key, or take the file away to get another.",
      });
  return {
    files,
    async write(keys) {
      const made: string[] = [];
      try {
        await mkdir(dir, { recursive: true, mode: 0o700 });
        for (const name of ["ship", "read"] as const) {
          await using handle = await open(fileOf(name), "wx", 0o600);
          made.push(fileOf(name));
          await handle.writeFile(`${keys[name]}\n`);
          await handle.sync();
        }
        return made;
      } catch (error) {
        // One without the other is of no use, and in the way of the next run.
        for (const file of made) await rm(file, { force: true });
        throw new Fault(
          "storage-failed",
          `the keys were not written to ${dir}: ${(error as Error).message}`,
          {
            hint: "They exist on the server and nobody has them: --uninstall takes them back.",
            cause: error,
          },
        );
      }
    },
  };
}
