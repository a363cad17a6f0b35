import { type Fs, nodeFs } from "../../fs.ts";
import type { ManifestBody, ManifestFile } from "../manifest/manifest-body.ts";
import { placesOf } from "./chunk-places.ts";
import type { RestoreSource } from "./restore-source.ts";

/** A folder that should hold the files of a manifest: a twin, a mounted copy. What differs in it comes from elsewhere. */
export function folderSource({
  name,
  root,
  files,
  fs = nodeFs,
}: {
  name: string;
  root: string;
  files: ManifestBody["files"];
  fs?: Fs;
}): RestoreSource {
  const isFile = (entry: ManifestBody["files"][number]): entry is ManifestFile => entry.kind === "file";
  const { has, read } = placesOf(fs, root, files.filter(isFile));
  return { name, has, read, onOtherBytes: "skip" };
}
