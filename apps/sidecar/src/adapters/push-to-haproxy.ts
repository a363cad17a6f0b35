import { type AgentWord, parseAgentWord } from "../tap/agent-word.ts";
import { type HaproxyServer, setServer } from "./haproxy-runtime.ts";

export type HaproxyPush = { look(): void; stop(): void };

type Now = { epoch: number; word: string };
type Log = (level: "info" | "warn", message: string, fields: Record<string, string | number>) => void;

/**
 * Tells every HAProxy of this machine what the agent-check says, as soon as it says something else. One line at a time
 * a server, and of several changes meanwhile the last: so no older word is written after a newer one, and none of an
 * epoch below the highest that was written. What failed, and what a restart of HAProxy forgot, is written again.
 */
export function pushToHaproxy(
  servers: readonly HaproxyServer[],
  now: () => Now,
  {
    set = setServer,
    everyMs = 1000,
    clock,
    log,
  }: Pick<Ports, "log" | "clock"> & { set?: Ports["set"]; everyMs?: number },
): HaproxyPush {
  const ways = servers.map((server) => createWay(server, now, { set, clock, log }));
  const timer = setInterval(() => {
    for (const way of ways) way.again();
  }, everyMs);
  timer.unref();
  return {
    look() {
      for (const way of ways) way.look();
    },
    stop() {
      clearInterval(timer);
      for (const way of ways) way.stop();
    },
  };
}

type Ports = {
  set: (server: HaproxyServer, word: AgentWord) => Promise<unknown>;
  clock: { monotonicMs(): number };
  log: Log;
};
type Way = { look(): void; again(): void; stop(): void };

function createWay(server: HaproxyServer, now: () => Now, { set, clock, log }: Ports): Way {
  const where = { path: server.runtime, instance: `${server.backend}/${server.server}` };
  let epoch = -1;
  let written: string | null = null;
  let told: string | null = null;
  let running = false;
  let stopped = false;
  let isAway = false;

  async function write(): Promise<void> {
    running = true;
    for (let said = now(); !stopped && said.epoch >= epoch && said.word !== written; said = now()) {
      const word = parseAgentWord(said.word);
      if (!word) break;
      epoch = said.epoch;
      const startMs = clock.monotonicMs();
      try {
        await set(server, word);
        written = said.word;
        const durationMs = Math.round((clock.monotonicMs() - startMs) * 10) / 10;
        if (told !== said.word) log("info", "told HAProxy", { ...where, to: said.word, epoch, durationMs });
        told = said.word;
        if (isAway) log("info", "HAProxy takes words again", where);
        isAway = false;
      } catch (error) {
        written = null;
        // Once, not every second: the agent-check goes on meanwhile.
        if (!isAway) log("warn", "HAProxy did not take a word", { ...where, reason: String(error) });
        isAway = true;
        break;
      }
    }
    running = false;
  }
  const look = (): void => {
    if (!running && !stopped && now().word !== written) void write();
  };
  return {
    look() {
      // While HAProxy is away only the timer tries: turns come too often for that.
      if (!isAway) look();
    },
    again() {
      written = null;
      look();
    },
    stop() {
      stopped = true;
    },
  };
}
