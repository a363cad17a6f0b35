import { spawn } from "node:child_process";
import { type ActContext, done, failed, type Outcome, refused } from "./act-context.ts";
import { inMaintenance, whileDrained } from "./maintenance.ts";
import { proveAll } from "./prove.ts";

const driverMsMax = 60_000;
const liveMsMax = 60_000;
const pollMs = 100;

/** Runs the configured driver, waits until the server serves again, and asks all goldens. */
export async function restart(context: ActContext): Promise<Outcome> {
  return whileDrained(context, "restart", async () => {
    const ended = await inMaintenance(context, "restart", () => restartServer(context));
    if (ended.outcome !== "done") return ended;
    return proveAll(context, context.clock.monotonicMs(), ended.detail);
  });
}

/** The restart alone, for acts that are in maintenance already. */
export async function restartServer(context: ActContext): Promise<Outcome> {
  const driver = context.config.instance.restart;
  if (!driver || !("exec" in driver))
    return refused("refused", "no restart driver is configured for this instance");
  const { ok, detail } = await runDriver(driver.exec);
  if (!ok) return failed("internal", `the restart driver ${detail}`);
  return (await isServing(context))
    ? done("restarted")
    : failed("upstream-unreachable", `restarted, and not serving within ${liveMsMax / 1000} s`);
}

/** Without a shell, so that nothing in the configuration is ever parsed as one; ended when its time is over. */
function runDriver([program = "", ...args]: readonly string[]): Promise<{ ok: boolean; detail: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      shell: false,
      stdio: "ignore",
      timeout: driverMsMax,
      killSignal: "SIGKILL",
    });
    child.on("error", (error) => resolve({ ok: false, detail: `did not start: ${error.message}` }));
    child.on("exit", (code, signal) =>
      resolve(
        code === 0 ? { ok: true, detail: "ran" } : { ok: false, detail: `ended with ${code ?? signal}` },
      ),
    );
  });
}

async function isServing({ upstream, models, clock, config }: ActContext): Promise<boolean> {
  const untilMs = clock.monotonicMs() + liveMsMax;
  const { timeoutMs } = config.service.probe;
  while (clock.monotonicMs() < untilMs) {
    const server = upstream.server();
    const answers = await Promise.all([
      server.live({ timeoutMs }),
      ...models().map((model) => server.ready(model, { timeoutMs })),
    ]);
    if (answers.every(({ ok }) => ok)) return true;
    await clock.sleep(pollMs);
  }
  return false;
}
