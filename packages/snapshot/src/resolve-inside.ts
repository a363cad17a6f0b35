import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { Fault } from "@locum/contracts";
import type { Fs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";

const linksMax = 40;

export const isInside = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);

/**
 * Where a path inside `root` (itself real) really lies, as a relative path without symbolic links, whether it
 * exists or not. With `last: "keep"` a link in the last place is not followed: then the link itself is meant.
 * @throws Fault refused: it leads out of root, or through more than 40 links
 */
export async function resolveInside(
  fs: Fs,
  root: string,
  path: string,
  { last = "follow" }: { last?: "follow" | "keep" } = {},
): Promise<string> {
  const todo = path.split("/");
  let at = root;
  for (let links = 0; todo.length > 0; ) {
    const part = todo.shift();
    if (part === undefined || part === "" || part === ".") continue;
    at = part === ".." ? dirname(at) : join(at, part);
    if (!isInside(root, at)) throw new Fault("refused", `${path} leads out of ${root}`);
    if (part === ".." || (last === "keep" && todo.length === 0)) continue;
    if ((await ifThere(fs.lstat(at)))?.kind !== "link") continue;
    if (++links > linksMax) throw new Fault("refused", `${path} goes through more than ${linksMax} links`);
    const target = await fs.readlink(at);
    if (isAbsolute(target) && !isInside(root, target))
      throw new Fault("refused", `${path} leads out of ${root}, to ${target}`);
    todo.unshift(...(isAbsolute(target) ? relative(root, target) : target).split(sep));
    at = isAbsolute(target) ? root : dirname(at);
  }
  return relative(root, at).split(sep).join("/");
}
