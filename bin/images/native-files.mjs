import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const scope = "node_modules/@napi-rs";

/**
 * The native code that a bundle looks for beside itself, for this machine's kind: entries below the folder that holds the
 * program, and the same files as the bill of materials names them. A program without them is slower, and no less right.
 */
export async function nativeFiles(folder) {
  const names = (await readdir(join(root, scope))).filter((name) => name.startsWith("blake-hash")).sort();
  const files = [];
  for (const name of names)
    for (const file of (await readdir(join(root, scope, name))).sort())
      if (/\.(js|json|node)$|^LICENSE/.test(file)) files.push(`${scope}/${name}/${file}`);
  return {
    entries: files.map((file) => ({ path: `${folder}/${file}`, mode: 0o444, file: join(root, file) })),
    inputs: files,
  };
}
