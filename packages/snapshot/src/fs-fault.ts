import { Fault } from "@locum/contracts";

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** The errno names that mean: this path is not there. */
export const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "");

/**
 * Runs one piece of work on the file system and turns its errors into faults: disk-full, refused (no permission,
 * read-only), storage-failed. What is no errno of the system passes unchanged.
 */
export async function withFsFaults<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fsFault(error, what);
  }
}

export function fsFault(error: unknown, what: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof Fault || errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error;
  const message = `${what}: ${(error as Error).message}`;
  if (["ENOSPC", "EDQUOT", "EFBIG"].includes(errno)) return new Fault("disk-full", message, { cause: error });
  if (["EROFS", "EACCES", "EPERM"].includes(errno))
    return new Fault("refused", message, {
      hint: "Give Locum's user write access to the model files, or mount them writable.",
      cause: error,
    });
  return new Fault("storage-failed", message, { cause: error });
}

/** The value, or undefined where the path is not there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
