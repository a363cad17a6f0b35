import type { Probe } from "@locum/contracts";
import type { Health } from "./judge.ts";

/** What should be asked at once, because of what was just seen. The caller performs it; answers return as probes. */
export type Ask =
  | { kind: "process" }
  | { kind: "live" }
  | { kind: "golden"; id: string }
  | { kind: "another-golden"; not: string }
  | { kind: "all-goldens" };

export function asksAfter(before: Health, after: Health, probe: Probe): Ask[] {
  switch (probe.kind) {
    case "process":
      if (!probe.alive && !probe.again) return [{ kind: "process" }];
      return before.gone && !after.gone ? [{ kind: "all-goldens" }] : [];
    case "golden":
      return before.failed && after.failed ? [] : asksAfterGolden(after, probe);
    case "progress":
      return before.progress.stalledMs === 0 && after.progress.stalledMs > 0
        ? [{ kind: "live" }, { kind: "another-golden", not: "" }, { kind: "another-golden", not: "" }]
        : [];
    case "output":
      return after.failed
        ? []
        : [
            { kind: "another-golden", not: "" },
            { kind: "another-golden", not: "" },
          ];
    case "bytes":
      return before.bytes.tree !== after.bytes.tree || before.bytes.state !== after.bytes.state
        ? [{ kind: "all-goldens" }]
        : [];
    case "releases":
    case "maintenance":
      return [{ kind: "all-goldens" }];
    default:
      return [];
  }
}

function asksAfterGolden({ goldens, progress }: Health, probe: Extract<Probe, { kind: "golden" }>): Ask[] {
  const again: Ask[] = [
    { kind: "golden", id: probe.golden },
    { kind: "another-golden", not: probe.golden },
  ];
  // While work is seen to finish, a late golden waits in a queue: asking more of them would only lengthen it.
  if (probe.outcome === "timeout") return probe.atMs - progress.workedAtMs < progress.limitMs ? [] : again;
  // One more answer confirms; asking on would only burden a server that is in trouble already.
  if (probe.outcome === "error") return goldens.answers[probe.golden]?.errorsInARow === 1 ? again : [];
  if (probe.outcome === "not-finite") return again;
  const wrong =
    goldens.current === null
      ? probe.passes.length === 0 && probe.fails.length > 0
      : probe.fails.includes(goldens.current);
  if (!wrong) return [];
  const missesInARow = Math.max(
    ...probe.fails.map((digest) => goldens.answers[probe.golden]?.missesInARow[digest] ?? 0),
  );
  return missesInARow === 1 ? again : [{ kind: "all-goldens" }];
}
