import type { ModelServer } from "@locum/serving";
import { everyTime, type LadderClock, type Tell } from "./rung.ts";

/** L1: does the server say that it lives. `now` asks at once. */
export function createLiveRung({
  server,
  everyMs,
  timeoutMs,
  clock,
  tell,
}: {
  server: () => ModelServer;
  everyMs: number;
  timeoutMs: number;
  clock: LadderClock;
  tell: Tell;
}): { now(): void; stop(): void } {
  return everyTime(everyMs, async () => {
    const startedMs = clock.monotonicMs();
    const { ok, latencyMs, detail, status } = await server().live({ timeoutMs });
    tell({
      probe: {
        kind: "live",
        atMs: clock.monotonicMs(),
        ok,
        detail: status === undefined ? detail : `${detail} ${status}`,
        latencyMs,
      },
      startedMs,
      timeout: detail === "timeout",
    });
  });
}

/** L2: does it say that its models are ready. A hint for people, never a verdict. */
export function createReadyRung({
  server,
  models,
  everyMs,
  timeoutMs,
  clock,
  tell,
}: {
  server: () => ModelServer;
  models: () => readonly string[];
  everyMs: number;
  timeoutMs: number;
  clock: LadderClock;
  tell: Tell;
}): { stop(): void } {
  return everyTime(everyMs, async () => {
    const startedMs = clock.monotonicMs();
    const names = models().length === 0 ? [undefined] : models().slice(0, modelsMax);
    const answers = await Promise.all(
      names.map(async (name) => ({ name, answer: await server().ready(name, { timeoutMs }) })),
    );
    const unready = answers.find(({ answer }) => !answer.ok);
    tell({
      probe: {
        kind: "ready",
        atMs: clock.monotonicMs(),
        ok: unready === undefined,
        detail: unready ? `${unready.name ?? "server"}: ${unready.answer.detail}` : "ready",
      },
      startedMs,
      timeout: unready?.answer.detail === "timeout",
    });
  });
}

const modelsMax = 16;
