import { spawn } from "node:child_process";
import type { AuditEvent, ServiceConfig } from "@locum/contracts";

type Target = ServiceConfig["notify"][number];
export type Notice = { subject: string; event: AuditEvent };

type Options = {
  targets: readonly Target[];
  /** Told of a notice that was given up, with the reason. */
  onFailed: (notice: Notice, target: string, reason: string) => void;
  fetch?: typeof fetch;
  timeoutMs?: number;
  triesMax?: number;
  pauseMs?: number;
  waitingMax?: number;
};

export type Notifier = { notify(notice: Notice): void; idle(): Promise<void> };

/**
 * Tells people, by webhook or by a program of theirs, one notice after the other for each target. Never waited for:
 * a target that hangs costs its own notices, a queue that is full costs the newest, and both are recorded.
 */
export function createNotifier(options: Options): Notifier {
  const lanes = options.targets.map((target) => createLane(target, options));
  return {
    notify: (notice) => {
      for (const lane of lanes) lane.notify(notice);
    },
    idle: async () => {
      await Promise.all(lanes.map((lane) => lane.idle()));
    },
  };
}

function createLane(target: Target, { onFailed, ...options }: Options): Notifier {
  const { triesMax = 4, pauseMs = 500, waitingMax = 100 } = options;
  // A webhook's path is often its secret: only the origin is told.
  const name = "webhook" in target ? new URL(target.webhook).origin : (target.exec[0] ?? "");
  let lane: Promise<void> = Promise.resolve();
  let waiting = 0;
  const deliver = async (notice: Notice): Promise<void> => {
    let reason = "";
    for (let tries = 1; tries <= triesMax; tries += 1) {
      try {
        return await tell(target, notice, options);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      // Twice as long each time, so that a target under load is not beaten.
      if (tries < triesMax) await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (tries - 1)));
    }
    onFailed(notice, name, reason);
  };
  return {
    notify(notice) {
      if (waiting >= waitingMax) return onFailed(notice, name, `${waiting} notices wait already`);
      waiting += 1;
      lane = lane
        .then(() => deliver(notice))
        .finally(() => {
          waiting -= 1;
        });
    },
    idle: () => lane,
  };
}

async function tell(
  target: Target,
  notice: Notice,
  { fetch: send = fetch, timeoutMs = 5000 }: Partial<Options>,
) {
  const body = JSON.stringify(notice);
  if ("exec" in target) return run(target.exec, body, timeoutMs);
  const answer = await send(target.webhook, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
}

/** Without a shell: nothing in an event can become a command. */
function run([program = "", ...args]: readonly string[], input: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ["pipe", "ignore", "ignore"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0
        ? resolve()
        : reject(new Error(signal ? `ended by ${signal} after ${timeoutMs} ms` : `exit code ${code}`)),
    );
    // A program that does not read its input has its reason; its exit code says whether it is content.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
