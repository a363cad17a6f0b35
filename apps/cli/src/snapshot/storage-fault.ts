import { Fault } from "@locum/contracts";

/** What the file system said, as a fault; a fault, an interruption and a defect of our own stay what they are. */
export function storageFault(error: unknown, doing: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof Fault || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new Fault(isFull ? "disk-full" : "storage-failed", `${doing}: ${message}`, { cause: error });
}
