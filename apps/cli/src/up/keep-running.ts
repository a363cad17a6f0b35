import { Fault } from "@locum/contracts";
import type { Clock } from "@locum/runtime";
import type { Child } from "./start-child.ts";

export type Kept = {
  name: string;
  /** What it said when it first listened. */
  line: Record<string, unknown>;
  pid(): number | undefined;
  stop(): Promise<void>;
};

export type KeepEvent =
  | { kind: "ended"; name: string; how: number | string | null; againMs: number }
  | { kind: "started"; name: string; pid: number | undefined }
  | { kind: "not-started"; name: string; reason: string; againMs: number };

const backoffLeastMs = 200;
const backoffMostMs = 5000;
/** One that ran for so long did not die of starting. */
const steadyMs = 10_000;
const graceMs = 12_000;

/**
 * Starts a program and, whenever it ends unasked, starts it again on the addresses that it had: its peers know those.
 * A first start that fails is the caller's; later ones are tried for good, less and less often.
 * @throws Fault why it did not start
 */
export async function keepRunning({
  name,
  start,
  clock,
  onEvent,
}: {
  name: string;
  /** `before` is what it said at its first start, undefined for that. */
  start: (before: Record<string, unknown> | undefined) => Child;
  clock: Pick<Clock, "monotonicMs" | "sleep">;
  onEvent: (event: KeepEvent) => void;
}): Promise<Kept> {
  const stopping = new AbortController();
  let child = start(undefined);
  let startedMs = clock.monotonicMs();
  const line = await child.line.catch((error: unknown) => {
    child.process.kill("SIGKILL");
    throw error instanceof Fault
      ? new Fault(error.code, `${name}: ${error.message}`, { hint: error.hint })
      : error;
  });
  const ended = watch();

  async function watch(): Promise<void> {
    let backoffMs = backoffLeastMs;
    for (;;) {
      const { code, signal } = await child.exit;
      if (stopping.signal.aborted) return;
      if (clock.monotonicMs() - startedMs > steadyMs) backoffMs = backoffLeastMs;
      onEvent({ kind: "ended", name, how: signal ?? code, againMs: backoffMs });
      await clock.sleep(backoffMs, stopping.signal);
      backoffMs = Math.min(backoffMostMs, backoffMs * 2);
      if (stopping.signal.aborted) return;
      child = start(line);
      startedMs = clock.monotonicMs();
      try {
        await child.line;
        onEvent({ kind: "started", name, pid: child.process.pid });
      } catch (error) {
        child.process.kill("SIGKILL");
        onEvent({ kind: "not-started", name, reason: (error as Error).message, againMs: backoffMs });
      }
    }
  }

  return {
    name,
    line,
    pid: () => child.process.pid,
    async stop() {
      stopping.abort();
      child.process.kill("SIGTERM");
      const late = setTimeout(() => child.process.kill("SIGKILL"), graceMs);
      await child.exit;
      await ended;
      clearTimeout(late);
    },
  };
}
