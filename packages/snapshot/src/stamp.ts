import type { FsStat } from "./fs.ts";

/**
 * Identity of a file's content as far as the file system knows it: another stamp is a reason to hash again. The
 * change time cannot be put back by a program that hides a write, and moves when a mapped page was written.
 */
export type Stamp = string;

export const stampOf = (stat: FsStat): Stamp => `${stat.dev}:${placedStampOf(stat)}:${stat.ctimeNs}`;

/** The part of a stamp that a rename and a reboot leave as they were (device numbers move with the order of mounts). */
export const placedStampOf = (stat: FsStat): Stamp => `${stat.ino}:${stat.size}:${stat.mtimeNs}`;
