import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault, type FaultCode, type SnapshotHook } from "@locum/contracts";
import { fsFault } from "../../../fs-fault.ts";
import type { HookDriver, HookDrivers, SourceIdentity } from "./hook-driver.ts";
import { postgresqlHook } from "./postgresql-hook.ts";
import { qdrantHook } from "./qdrant-hook.ts";
import { redisHook } from "./redis-hook.ts";
import { sqliteHook } from "./sqlite-hook.ts";

export type HookOutcome = { name: string; kind: SnapshotHook["kind"] } & (
  | { outcome: "copied"; identity: SourceIdentity }
  | { outcome: "failed"; code: FaultCode; reason: string }
);

export const hookDrivers: HookDrivers = {
  sqlite: sqliteHook,
  postgresql: postgresqlHook,
  redis: redisHook,
  qdrant: qdrantHook,
};

/**
 * Runs the hooks one after another, each into `<dir>/<name>`, which only this user may enter. One that fails or takes
 * longer than its time leaves nothing there: a copy is whole or absent. Never rejects for a hook's failure; any that
 * failed makes the snapshot torn.
 * @throws Fault disk-full · storage-failed: the folders themselves
 */
export async function runHooks(
  hooks: readonly SnapshotHook[],
  { dir, drivers = hookDrivers, signal }: { dir: string; drivers?: HookDrivers; signal?: AbortSignal },
): Promise<HookOutcome[]> {
  const outcomes: HookOutcome[] = [];
  for (const hook of hooks) {
    const { name, kind } = hook;
    const place = join(dir, name);
    try {
      await rm(place, { recursive: true, force: true });
      await mkdir(place, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw fsFault(error, `making ${place}`);
    }
    const run = drivers[kind] as HookDriver<SnapshotHook>;
    const timeout = AbortSignal.timeout(hook.timeoutMs);
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const identity = await untilAborted(run(hook, { dir: place, signal: stop }), stop, hook);
      if ((await readdir(place)).length === 0 && kind !== "qdrant")
        throw new Fault("upstream-protocol", `hook ${name} gave nothing`);
      outcomes.push({ name, kind, outcome: "copied", identity });
    } catch (error) {
      await rm(place, { recursive: true, force: true }).catch(() => {});
      outcomes.push({ name, kind, outcome: "failed", ...reasonOf(error) });
    }
  }
  return outcomes;
}

/** A driver that does not heed the signal holds up nothing: its folder is gone, so what it writes later goes nowhere. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, hook: SnapshotHook): Promise<T> {
  const late = new Fault(
    "upstream-timeout",
    `hook ${hook.name} took longer than ${hook.timeoutMs} ms, or was stopped`,
  );
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(late);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whatever it still says comes too late to be of use.
    work.catch(() => {});
  }
}

const reasonMax = 500;

function reasonOf(error: unknown): { code: FaultCode; reason: string } {
  const fault = fsFault(error, "hook");
  if (fault instanceof Fault) return { code: fault.code, reason: fault.message.slice(0, reasonMax) };
  return {
    code: "internal",
    reason: String(error instanceof Error ? error.message : error).slice(0, reasonMax),
  };
}
