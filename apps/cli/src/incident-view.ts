import type { Incident } from "@locum/contracts";
import type { Output } from "./output.ts";
import { spanText, timeText } from "./span-text.ts";

export function showIncident(out: Output, one: Incident): void {
  const lasted = one.closedAtMs === null ? "open" : `lasted ${spanText(one.closedAtMs - one.openedAtMs)}`;
  const drill = one.drill === null ? "" : ", a drill";
  out.say(
    `${one.id}: ${one.failure} on ${one.service}/${one.instance}, ${timeText(one.openedAtMs)} UTC, ${lasted}${drill}\n`,
  );
  out.table(
    ["", "step", "instance", "detail"],
    one.timeline.map(({ offsetMs, step, instance, detail }) => [
      `t+${(offsetMs / 1000).toFixed(2)}`,
      step,
      instance ?? "",
      detail,
    ]),
  );
}
