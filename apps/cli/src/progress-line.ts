import type { Io } from "./io.ts";
import type { Output } from "./output.ts";

const everyMs = 100;

/** One line on a terminal's standard error that tells how far long work is; an empty text takes it away. */
export function progressLine(
  { stderr, clock }: Pick<Io, "stderr" | "clock">,
  { json }: Pick<Output, "json">,
) {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (text: string): void => {
    if (json || stderr.isTTY !== true) return;
    const nowMs = clock.monotonicMs();
    if (text !== "" && nowMs - lastMs < everyMs) return;
    lastMs = nowMs;
    stderr.write(`\r\u001b[K${text}`);
  };
}
