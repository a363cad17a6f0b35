import { Fault } from "@locum/contracts/fault";

/** Stored bytes that are not what docs/snapshot-format.md asks for: never used, never a crash. */
export const corrupt = (what: string, cause?: unknown): Fault =>
  new Fault("snapshot-corrupt", what, cause === undefined ? {} : { cause });
