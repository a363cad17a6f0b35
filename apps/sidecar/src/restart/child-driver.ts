import { join } from "node:path";
import { isSameProcess, type ProcessId } from "../adapters/process-id.ts";
import { openChildRecord } from "./child-record.ts";
import type { RestartDeps, RestartDriver, Restarted } from "./restart-driver.ts";
import { shortenLog } from "./short-log.ts";
import { type Spawned, spawnChild } from "./spawn-child.ts";
import { stopGroup } from "./stop-group.ts";

export type ChildTiming = {
  /** What dies by itself is started again after the first, twice that, and so on up to the last. */
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** One that ran for so long starts counting anew. */
  steadyMs: number;
  pollMs: number;
};
const defaults: ChildTiming = { backoffFirstMs: 1000, backoffMaxMs: 60_000, steadyMs: 60_000, pollMs: 250 };

/** A large model loads for minutes; one that is not there after this hangs in its start. */
const loadMsMax = 600_000;
const looksPerLogCheck = 240;

type Running = Spawned & { sinceMs: number };

/**
 * The model server itself, started and watched by the sidecar, in a process group of its own that outlives the sidecar
 * and is found again by the next one.
 */
export function openChildDriver(
  { child: argv, cwd, stopMs }: { child: readonly string[]; cwd?: string | undefined; stopMs: number },
  { stateDir, pidFile, env, clock, log, onOwnRestart }: RestartDeps,
  timing: Partial<ChildTiming> = {},
): RestartDriver {
  const { pollMs, ...delays } = { ...defaults, ...timing };
  const backoff = createBackoff(delays, clock);
  const inLine = createLine();
  const record = openChildRecord({ stateDir, pidFile });
  const logFile = join(stateDir, "model-server.log");
  let running: Running | null = null;
  let looks = 0;
  let stopped = false;
  let watching: Promise<void> = Promise.resolve();

  async function begin(): Promise<Restarted> {
    const started = await spawnChild({ argv, cwd, env, mark: record.mark, logFile });
    if ("problem" in started) {
      backoff.putOff(0);
      return { ok: false, detail: started.problem };
    }
    await take(started);
    log("info", "started the model server", { pid: started.id.pid, path: logFile });
    return { ok: true, detail: `process ${started.id.pid} is there` };
  }
  async function take(child: Spawned): Promise<void> {
    running = { ...child, sinceMs: clock.monotonicMs() };
    // It is found by its mark as well.
    await record.save(child.id).catch((error) => log("error", "the child is not written down", { error }));
  }
  const end = async (id: ProcessId): Promise<boolean> => {
    const ended = await stopGroup(id, { stopMs, clock });
    if (ended) running = null;
    return ended;
  };

  async function look(): Promise<void> {
    if (++looks % looksPerLogCheck === 0) await shortenLog(logFile);
    if (running && !(await isSameProcess(running.id))) await mourn(running);
    if (running || !backoff.isOver()) return;
    const result = await begin();
    onOwnRestart("the model server died by itself", result);
    if (!result.ok) log("error", "the model server does not start", { reason: result.detail });
  }
  async function mourn(dead: Running): Promise<void> {
    const { pid } = dead.id;
    const livedMs = Math.round(clock.monotonicMs() - dead.sinceMs);
    const delayMs = backoff.putOff(livedMs);
    const reason = `process ${pid} of the model server ${dead.ended()} by itself after ${livedMs} ms; again in ${delayMs} ms`;
    log("error", "the model server died", { pid, reason, path: logFile });
    onOwnRestart(reason, null);
    running = null;
    // Its workers would keep the port.
    if (!(await end(dead.id))) log("error", "workers of a dead model server do not end", { pid });
  }

  return {
    kind: "child",
    start: () =>
      inLine(async () => {
        const found = await record.find();
        if (found?.alive) {
          await take({ id: found.id, ended: () => "ended" });
          log("info", "found the model server that an earlier sidecar started", { pid: found.id.pid });
        } else {
          if (found) await end(found.id);
          const { ok, detail } = await begin();
          if (!ok) log("error", "the model server does not start", { reason: detail });
        }
        watching = again(() => inLine(look), { clock, pollMs, log, isOver: () => stopped });
        return !found?.alive;
      }),
    restart: ({ gone }) =>
      inLine(async () => {
        const old = running;
        const agoMs = old ? Math.round(clock.monotonicMs() - old.sinceMs) : 0;
        if (gone && old && agoMs < loadMsMax && (await isSameProcess(old.id)))
          return { ok: true, detail: `process ${old.id.pid} is there since ${agoMs} ms` };
        if (old && !(await end(old.id)))
          return { ok: false, detail: `process ${old.id.pid} or its workers cannot be ended` };
        backoff.reset();
        const { ok, detail } = await begin();
        return { ok, detail: old && ok ? `process ${old.id.pid} is gone, ${detail}` : detail };
      }),
    isThere: async () => running !== null && isSameProcess(running.id),
    async close() {
      stopped = true;
      // A restart under way ends with the model server there.
      await inLine(async () => {});
      await watching;
    },
  };
}

async function again(
  work: () => Promise<void>,
  {
    clock,
    log,
    pollMs,
    isOver,
  }: Pick<RestartDeps, "clock" | "log"> & { pollMs: number; isOver: () => boolean },
): Promise<void> {
  while (!isOver()) {
    await work().catch((error) => log("error", "the model server cannot be watched", { error }));
    await clock.sleep(pollMs);
  }
}

function createBackoff(
  { backoffFirstMs, backoffMaxMs, steadyMs }: Omit<ChildTiming, "pollMs">,
  clock: { monotonicMs(): number },
) {
  let deaths = 0;
  let againAtMs = 0;
  return {
    /** It died after so long: how long to wait now. */
    putOff(livedMs: number): number {
      deaths = livedMs > steadyMs ? 1 : deaths + 1;
      const delayMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(deaths - 1, 16));
      againAtMs = clock.monotonicMs() + delayMs;
      return delayMs;
    },
    isOver: () => clock.monotonicMs() >= againAtMs,
    reset(): void {
      deaths = 0;
    },
  };
}

/** Starting, stopping and looking stand in line: none of them may see another half done. */
function createLine(): <T>(work: () => Promise<T>) => Promise<T> {
  let line: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = line.then(work);
    line = turn.catch(() => {});
    return turn;
  };
}
