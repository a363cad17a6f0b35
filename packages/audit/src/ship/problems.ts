import type { ShippingView } from "@locum/contracts";
import type { ShipClock } from "./ship-clock.ts";
import type { ShipProblem } from "./ship-problems.ts";

/** What stands in the way, one problem a part; the first part that has one is in view. */
const parts = ["defect", "server", "disk", "log", "copy", "reader"] as const;
type ProblemPart = (typeof parts)[number];

export type Problems = {
  set(part: ProblemPart, code: ShipProblem, detail: string): void;
  clear(part: ProblemPart): void;
  view(): ShippingView["problem"];
};

export function createProblems({
  clock,
  say,
}: {
  clock: ShipClock;
  say: (level: "info" | "warn" | "error", message: string, facts?: Record<string, unknown>) => void;
}): Problems {
  const now = new Map<ProblemPart, NonNullable<ShippingView["problem"]>>();
  return {
    set(part, code, detail) {
      const known = now.get(part);
      if (known?.code === code) known.detail = detail;
      else {
        now.set(part, { code, detail, sinceMs: clock.wallMs() });
        say("warn", `the audit log's copy: ${detail}`, { code });
      }
    },
    clear(part) {
      const known = now.get(part);
      if (!known) return;
      now.delete(part);
      say("info", "the audit log's copy: mended", { code: known.code });
    },
    view() {
      const first = parts.find((part) => now.has(part));
      const found = first && now.get(first);
      return found ? { ...found } : null;
    },
  };
}
