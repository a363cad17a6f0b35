import { posix } from "node:path";
import { assert } from "@locum/contracts";
import { isSafePath, type ManifestBody, type ManifestFile } from "../manifest/manifest-body.ts";

export type ManifestLink = Extract<ManifestBody["files"][number], { kind: "link" }>;

/** What a restored tree consists of: nothing else may be in it. */
export type ExpectedTree = {
  files: ManifestFile[];
  links: ManifestLink[];
  /** Every folder, also those that no entry names, with its mode; those above come first. */
  folders: Map<string, number>;
  kinds: Map<string, "file" | "link" | "dir">;
};

const modeOfUnnamed = 0o755;

export function expectedTree(entries: ManifestBody["files"]): ExpectedTree {
  const kinds: ExpectedTree["kinds"] = new Map();
  const modes = new Map<string, number>();
  for (const entry of entries) {
    assert(isSafePath(entry.path), "the paths of a parsed manifest are safe");
    kinds.set(entry.path, entry.kind);
    if (entry.kind === "dir") modes.set(entry.path, grantedMode(entry.mode));
    for (let above = posix.dirname(entry.path); above !== "."; above = posix.dirname(above)) {
      if (kinds.has(above)) break;
      kinds.set(above, "dir");
    }
  }
  const folders = [...kinds].filter(([, kind]) => kind === "dir").map(([path]) => path);
  folders.sort((a, b) => (a < b ? -1 : 1));
  return {
    files: entries.filter((entry) => entry.kind === "file"),
    links: entries.filter((entry) => entry.kind === "link"),
    folders: new Map(folders.map((path) => [path, modes.get(path) ?? modeOfUnnamed])),
    kinds,
  };
}

/** Without set-user-id, set-group-id and sticky: a manifest must not make programs that run as who restores it. */
export const grantedMode = (mode: number): number => mode & 0o777;
