import type { Report, SidecarFrame } from "@locum/contracts";
import { newsOf } from "./report.ts";

export type Reporting = {
  /** Sends what is true now, if there is anything new. */
  look(): void;
  /** Sends it whether it is new or not: the heartbeat, and the first word on a new stream. */
  beat(): void;
  last(): Report | null;
};

/** Reports every heartbeat, and at once when something happened that others act on. */
export function createReporting({
  report,
  send,
  clock,
  onNews,
}: {
  report: () => Report;
  send: (frame: SidecarFrame) => boolean;
  clock: { monotonicMs(): number };
  onNews: (before: Report | null, after: Report) => void;
}): Reporting {
  let seq = 0;
  let last: Report | null = null;
  let news = "";
  const say = (current: Report): void => {
    seq += 1;
    send({ kind: "report", seq, sentMs: clock.monotonicMs(), report: current });
  };
  const take = (current: Report): boolean => {
    const now = newsOf(current);
    if (now === news) return false;
    const before = last;
    news = now;
    last = current;
    onNews(before, current);
    return true;
  };
  return {
    look() {
      const current = report();
      if (take(current)) say(current);
    },
    beat() {
      const current = report();
      take(current);
      say(current);
    },
    last: () => last,
  };
}
