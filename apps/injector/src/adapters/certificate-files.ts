import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { Pem } from "./tls-server.ts";

/**
 * Follows tls.crt and tls.key in a folder that somebody else writes, until the signal aborts: at once where the system
 * tells of a change, and every `everyMs` for where it does not. A kubelet swaps the link `..data`, so the folder is
 * watched and not its files. A pair that does not fit (half written, or read across a swap) is not used; what was
 * served before goes on.
 */
export async function followCertificateFiles({
  dir,
  use,
  signal,
  clock,
  log,
  everyMs = 30_000,
}: {
  dir: string;
  /** Throws where the pair cannot be used. */
  use: (pem: Pem) => void;
  signal: AbortSignal;
  clock: Pick<Clock, "sleep">;
  log: Log;
  everyMs?: number;
}): Promise<void> {
  let wake = new AbortController();
  let served = "";
  let watcher = watchFolder(dir, () => wake.abort());
  signal.addEventListener("abort", () => wake.abort(), { once: true });
  while (!signal.aborted) {
    wake = new AbortController();
    watcher ??= watchFolder(dir, () => wake.abort());
    try {
      const pem = await readPair(dir);
      if (pem.cert + pem.key !== served) {
        use(pem);
        if (served !== "") log("info", "the certificate was replaced", { path: dir });
        served = pem.cert + pem.key;
      }
    } catch (error) {
      log("warn", "the certificate was not loaded", { path: dir, error });
    }
    if (!signal.aborted) await clock.sleep(served === "" ? Math.min(everyMs, 1000) : everyMs, wake.signal);
  }
  watcher?.close();
}

async function readPair(dir: string): Promise<Pem> {
  const read = (name: string): Promise<string> =>
    readFile(join(dir, name), "utf8").catch((cause: unknown) => {
      throw new Fault("config-unreadable", `${join(dir, name)} cannot be read`, {
        hint: "Is the Secret of cert-manager mounted there?",
        cause,
      });
    });
  return { cert: await read("tls.crt"), key: await read("tls.key") };
}

/** Null where the folder is not there, or the system has no more watches: then it is looked at in time. */
function watchFolder(dir: string, onChange: () => void): FSWatcher | null {
  try {
    return watch(dir, onChange).on("error", () => undefined);
  } catch {
    return null;
  }
}
