import { Fault } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { readPods } from "../read-pods.ts";
import { readRepositories } from "../read-repositories.ts";
import { timeText } from "../span-text.ts";
import { showStatus } from "../status-view.ts";
import { wholeNumber } from "../whole-number.ts";

export const top = defineCommand({
  usage: "top",
  about: "Status again and again, until Ctrl-C. With --json one line a look.",
  examples: [["locum top", "every second"]],
  flags: {
    ...collectorFlags,
    "every-ms": { kind: "text", fallback: "1000", about: "time between two looks" },
  },
  untilSignal: true,
  async run({ flags, io, out }) {
    const { client, url } = await accessCollector(flags);
    const everyMs = wholeNumber("every-ms", flags["every-ms"], { min: 100, max: 3_600_000 });
    let looks = 0;
    while (!io.signal.aborted) {
      try {
        const [services, instances, pods, repositories] = await Promise.all([
          client.services(),
          client.instances(),
          readPods(client),
          readRepositories(client),
        ]);
        if (!out.json && io.stdout.isTTY) io.stdout.write("\u001b[H\u001b[2J");
        out.say(`${url}  ${timeText(io.clock.wallMs())} UTC\n`);
        showStatus(out, { services, instances, pods, repositories, nowMs: io.clock.wallMs() });
        out.event({ kind: "status", services, instances, pods: pods.pods, repositories });
        looks += 1;
      } catch (error) {
        // A collector that restarts is no reason to stop looking.
        if (!(error instanceof Fault) || error.retry === "never") throw error;
        out.progress(`${error.code}: ${error.message}`);
      }
      await lookAgain(everyMs, io.signal);
    }
    out.summary({ looks });
    return 0;
  },
});

function lookAgain(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
