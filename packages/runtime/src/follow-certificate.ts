import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@locum/contracts";
import type { Pem } from "./check-certificate.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";

/**
 * Follows a certificate and its key, in files of one folder that somebody else writes, until the signal aborts: at once where the system
 * tells of a change, and every `everyMs` for where it does not. A kubelet swaps the link `..data`, so the folder is
 * watched and not its files. A pair that does not fit (half written, or read across a swap) is not used; what was
 * served before goes on.
 */
export async function followCertificate({
  files,
  use,
  signal,
  clock,
  log,
  everyMs = 30_000,
}: {
  files: { cert: string; key: string };
  /** Told of each pair once. Throws where it cannot be used. */
  use: (pem: Pem) => void;
  signal: AbortSignal;
  clock: Pick<Clock, "sleep">;
  log: Log;
  everyMs?: number;
}): Promise<void> {
  let wake = new AbortController();
  let served = "";
  const dir = dirname(files.cert);
  let watcher = watchFolder(dir, () => wake.abort());
  signal.addEventListener("abort", () => wake.abort(), { once: true });
  while (!signal.aborted) {
    wake = new AbortController();
    watcher ??= watchFolder(dir, () => wake.abort());
    try {
      const pem = await readPair(files);
      if (pem.cert + pem.key !== served) {
        use(pem);
        if (served !== "") log("info", "the certificate was replaced", { path: files.cert });
        served = pem.cert + pem.key;
      }
    } catch (error) {
      log("warn", "the certificate was not loaded", { path: files.cert, error });
    }
    if (!signal.aborted) await clock.sleep(served === "" ? Math.min(everyMs, 1000) : everyMs, wake.signal);
  }
  watcher?.close();
}

async function readPair({ cert, key }: { cert: string; key: string }): Promise<Pem> {
  const read = (file: string): Promise<string> =>
    readFile(file, "utf8").catch((cause: unknown) => {
      throw new Fault("config-unreadable", `${file} cannot be read`, {
        hint: "Is the Secret mounted there, and readable for this user?",
        cause,
      });
    });
  return { cert: await read(cert), key: await read(key) };
}

/** Null where the folder is not there, or the system has no more watches: then it is looked at in time. */
function watchFolder(dir: string, onChange: () => void): FSWatcher | null {
  try {
    return watch(dir, onChange).on("error", () => undefined);
  } catch {
    return null;
  }
}
