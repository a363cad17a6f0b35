import { Fault } from "@locum/contracts";
import type { ManifestBody } from "../manifest/manifest-body.ts";

/** The entries of these names and all below them. @throws Fault not-found: a name that the snapshot does not have */
export function selectEntries(
  entries: ManifestBody["files"],
  only: readonly string[] | undefined,
): ManifestBody["files"] {
  if (!only) return entries;
  const isOf = (name: string, path: string) => path === name || path.startsWith(`${name}/`);
  const names = only.map((name) => name.replace(/\/+$/, ""));
  for (const name of names)
    if (!entries.some(({ path }) => isOf(name, path)))
      throw new Fault("not-found", `${name} is not in the snapshot`, {
        hint: "locum snapshot show lists the files of a snapshot.",
      });
  return entries.filter(({ path }) => names.some((name) => isOf(name, path)));
}
