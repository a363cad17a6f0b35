import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export type Pair = { cert: string; key: string };

/** As somebody writes them who keeps certificates for others: each file whole, one after the other. */
export async function writePair(dir: string, { cert, key }: Pair): Promise<void> {
  for (const [name, text] of [
    ["tls.crt", cert],
    ["tls.key", key],
  ] as const) {
    await writeFile(join(dir, `.${name}`), text, { mode: 0o600 });
    await rename(join(dir, `.${name}`), join(dir, name));
  }
}
