import { open, readlink } from "node:fs/promises";
import { errnoOf, isMissing } from "../../fs-fault.ts";

export type ProcessFile = "cmdline" | "environ";

/** The process of a model server, as far as this user may look into it. */
export type ProcessPort = {
  /** At most `bytesMax` bytes; undefined where there is no such process or it may not be read. Never rejects for these. */
  read(pid: number, file: ProcessFile, bytesMax: number): Promise<Uint8Array | undefined>;
  program(pid: number): Promise<string | undefined>;
};

/** Where there is no /proc, nothing is readable, and nothing is said of it. */
export const procProcesses: ProcessPort = {
  read: (pid, file, bytesMax) =>
    unlessHidden(async () => {
      const handle = await open(`/proc/${pid}/${file}`, "r");
      try {
        const buffer = new Uint8Array(bytesMax);
        // These files say a size of 0, and give a page at a time.
        let length = 0;
        while (length < bytesMax) {
          const { bytesRead } = await handle.read(buffer, length, bytesMax - length, length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return buffer.subarray(0, length);
      } finally {
        await handle.close();
      }
    }),
  program: (pid) => unlessHidden(() => readlink(`/proc/${pid}/exe`)),
};

/** ESRCH: the process ended between the opening and the reading. */
async function unlessHidden<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isMissing(error) || ["EACCES", "EPERM", "ESRCH"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}
