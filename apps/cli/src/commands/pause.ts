import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { serviceOf } from "../run-order.ts";
import { spanText } from "../span-text.ts";
import { wholeNumber } from "../whole-number.ts";

const flags = {
  ...collectorFlags,
  service: { kind: "text", about: "service; that of the service file if absent" },
  reason: { kind: "text", fallback: "", about: "why; it goes into the audit log" },
} as const;

export const pause = defineCommand({
  usage: "pause",
  about: "Stops automatic actions of a service for a while. Detection, records and orders by hand go on.",
  examples: [
    ["locum pause", "for an hour"],
    ["locum pause --ms 600000 --reason deploy", "for ten minutes"],
  ],
  flags: { ...flags, ms: { kind: "text", fallback: "3600000", about: "how long, 1000 to 86400000" } },
  async run({ flags: { ms, reason, ...given }, io, out }) {
    const access = await accessCollector(given);
    const service = await serviceOf(given.service, access);
    const paused = await access.client.pause({
      service,
      reason,
      ms: wholeNumber("ms", ms, { min: 1000, max: 86_400_000 }),
    });
    out.say(`${service} is paused for ${spanText((paused.pausedUntilMs ?? 0) - io.clock.wallMs())}`);
    out.summary(paused);
    return 0;
  },
});

export const resume = defineCommand({
  usage: "resume",
  about: "Takes a pause back: automatic actions go on.",
  examples: [["locum resume", "at once"]],
  flags,
  async run({ flags: { reason, ...given }, out }) {
    const access = await accessCollector(given);
    const service = await serviceOf(given.service, access);
    out.summary(await access.client.resume({ service, reason }));
    out.say(`${service} acts by itself again`);
    return 0;
  },
});
