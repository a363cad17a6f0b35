import { basename } from "node:path";
import { readTextFile } from "@locum/runtime";
import { onlyOnce, type Recipient, readRecipients } from "@locum/snapshot/repository";

/** A recipient under the name that its file has, for people. */
export type NamedRecipient = { recipient: Recipient; name: string };

/** Of all files, each once. @throws Fault config-unreadable · config-invalid */
export async function namedRecipients(files: readonly string[]): Promise<NamedRecipient[]> {
  const named: NamedRecipient[] = [];
  for (const file of files)
    for (const recipient of await readRecipients(file, { readTextFile }))
      named.push({
        recipient,
        name: basename(file)
          .replace(/\.(pub|pem)$/, "")
          .slice(0, 200),
      });
  const wanted = new Set(onlyOnce(named.map(({ recipient }) => recipient)));
  return named.filter(({ recipient }) => wanted.has(recipient));
}
