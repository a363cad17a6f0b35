import { open, readFile, rm, stat, utimes } from "node:fs/promises";
import type { Clock } from "@locum/runtime";

export type Claim = { release(): Promise<void> };

const beatMs = 10_000;
/** Whose claim was not renewed for so long is gone, with its node or its pod. */
const staleMs = 60_000;

/**
 * One of several pods at a time, by a file on the volume that they share. Its age is never compared with a clock of
 * another machine: a claim is stale when it was seen unchanged for a minute, by our own clock.
 */
export function createClaims({
  file,
  owner,
  clock,
}: {
  file: string;
  /** Who claims: what an earlier process of the same owner left is not waited for. */
  owner: string;
  clock: Clock;
}): {
  /** Null while another has it. */
  take(): Promise<Claim | null>;
} {
  let seen = { mark: "", sinceMs: 0 };

  const take = async (): Promise<Claim | null> => {
    try {
      await using made = await open(file, "wx", 0o600);
      await made.writeFile(owner);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return (await isStale()) ? takeOver() : null;
    }
    seen = { mark: "", sinceMs: 0 };
    const beat = setInterval(() => {
      const now = new Date(clock.wallMs());
      // A renewal that fails is a claim that ends: the work itself verifies what it writes.
      void utimes(file, now, now).catch(() => undefined);
    }, beatMs).unref();
    return {
      async release() {
        clearInterval(beat);
        await rm(file, { force: true });
      },
    };
  };
  const isStale = async (): Promise<boolean> => {
    if ((await readFile(file, "utf8").catch(() => "")) === owner) return true;
    const found = await stat(file).catch(() => null);
    const mark = found ? `${found.ino}:${found.mtimeMs}` : "";
    if (mark !== seen.mark) seen = { mark, sinceMs: clock.monotonicMs() };
    return clock.monotonicMs() - seen.sinceMs >= staleMs;
  };
  const takeOver = async (): Promise<Claim | null> => {
    await rm(file, { force: true });
    return take();
  };
  return { take };
}
