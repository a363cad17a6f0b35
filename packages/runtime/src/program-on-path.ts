import { access, constants, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

/** Where a program would be started from, or null: as execvp looks for it, without starting anything. */
export async function programOnPath(
  program: string,
  { path = process.env.PATH ?? "", cwd = process.cwd() }: { path?: string; cwd?: string } = {},
): Promise<string | null> {
  const places = program.includes("/")
    ? [resolve(cwd, program)]
    : path.split(delimiter).map((folder) => join(resolve(cwd, folder), program));
  for (const place of places) if (await canStart(place)) return place;
  return null;
}

async function canStart(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
