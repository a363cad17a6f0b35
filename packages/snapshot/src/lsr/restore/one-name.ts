import { Fault } from "@locum/contracts";

/** Names of a snapshot that are not told apart here, or a name that is not of it. */
export const oneName = (path: string): Fault =>
  new Fault("refused", `${path}: the names found are not those of the snapshot`, {
    hint: "Restore to a file system that tells all names of the snapshot apart, with nobody else writing there.",
  });
