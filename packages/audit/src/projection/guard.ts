import { Fault } from "@locum/contracts";

/** SQLite's result codes as faults: 5 and 6 another process has it, 13 the disk is full. */
export function guard<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { errcode, message } = error as { errcode?: number; message: string };
    if (errcode === undefined) throw error;
    const primary = errcode & 0xff;
    const code =
      primary === 13 ? "disk-full" : primary === 5 || primary === 6 ? "conflict" : "storage-failed";
    throw new Fault(code, `the projection: ${message}`, { cause: error });
  }
}
