import { realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { Fault } from "@locum/contracts";
import type { Place } from "@locum/snapshot/repository";
import type { Io } from "../io.ts";

/**
 * Who can read the storage must not find a key there. Links are followed, whether the last parts exist or not.
 * @throws Fault refused
 */
export async function refuseBeside(
  { dir }: Pick<Place, "dir">,
  keyPlaces: readonly string[],
  { cwd }: Pick<Io, "cwd">,
): Promise<void> {
  if (dir === undefined) return;
  const repository = await realPlace(dir);
  for (const place of keyPlaces)
    if (isWithin(repository, await realPlace(resolve(cwd, place))))
      throw new Fault("refused", `${place} lies in the repository ${dir}: who copies one would have both`, {
        hint: "Keep keys elsewhere: --writer-dir and --key name where, XDG_CONFIG_HOME your own folder.",
      });
}

/** Neither in the other: a snapshot that holds its own repository grows with each run. @throws Fault refused */
export async function refuseNested({ dir }: Pick<Place, "dir">, source: string): Promise<void> {
  if (dir === undefined) return;
  const [repository, tree] = [await realPlace(dir), await realPlace(source)];
  if (isWithin(tree, repository) || isWithin(repository, tree))
    throw new Fault("refused", `the repository ${dir} and ${source} lie one in the other`, {
      hint: "Name a folder outside of it; best on another disk.",
    });
}

async function realPlace(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined) return real;
  const above = dirname(path);
  return above === path ? path : join(await realPlace(above), relative(above, path));
}

const isWithin = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
