import { everyTime, type LadderClock, type Tell } from "./rung.ts";
import { type Connected, tryConnect } from "./try-connect.ts";

export type ProcessRung = {
  /** Asks at once: the answer counts as asked again. */
  again(): void;
  /** Asks at once, for somebody saw a connection refused or reset. */
  suspect(): void;
  stop(): void;
};

/**
 * L0: is the process there. A refused or reset connection says no; one that nobody answers says nothing, for a full
 * backlog looks the same. Where the process id is known and gone, the refusal is confirmed already.
 */
export function createProcessRung({
  url,
  everyMs,
  timeoutMs,
  clock,
  tell,
  isProcessGone = async () => false,
  connect = tryConnect,
}: {
  url: string;
  everyMs: number;
  timeoutMs: number;
  clock: LadderClock;
  tell: Tell;
  isProcessGone?: () => Promise<boolean>;
  connect?: (at: { host: string; port: number; timeoutMs: number }) => Promise<Connected>;
}): ProcessRung {
  const { hostname, port, protocol } = new URL(url);
  const at = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (protocol === "https:" ? 443 : 80),
    timeoutMs,
  };
  const ask = async (again: boolean): Promise<void> => {
    const startedMs = clock.monotonicMs();
    const { outcome, detail } = await connect(at);
    if (outcome === "timeout") return;
    const alive = outcome === "open";
    const confirmed = !alive && (again || (await isProcessGone()));
    tell({
      probe: { kind: "process", atMs: clock.monotonicMs(), alive, again: confirmed, detail },
      startedMs,
      timeout: false,
    });
  };
  const loop = everyTime(everyMs, () => ask(false));
  return {
    again: () => void ask(true),
    suspect: () => void ask(false),
    stop: loop.stop,
  };
}
