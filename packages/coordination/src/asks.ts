import type { Probe } from "@locum/contracts";
import type { AnswerHealth, Health } from "./health.ts";
import { isToldAgain } from "./output-signs.ts";

/**
 * What should be asked at once, because of what was just seen. The caller performs it; answers return as probes.
 * Where a server has several models, `model` keeps to one of them, and `notModel` to any but that one.
 */
export type Ask =
  | { kind: "process" }
  | { kind: "live" }
  | { kind: "golden"; id: string }
  | { kind: "another-golden"; not: string; model?: string; notModel?: string }
  | { kind: "all-goldens"; models?: readonly string[] };

export function asksAfter(before: Health, after: Health, probe: Probe): Ask[] {
  switch (probe.kind) {
    case "process":
      if (!probe.alive && !probe.again) return [{ kind: "process" }];
      return before.gone && !after.gone ? [{ kind: "all-goldens" }] : [];
    case "golden":
      return asksAfterGolden(before, after, probe);
    case "progress":
      return asksAfterProgress(before, after);
    case "output":
      return asksAfterOutput(before, after, probe);
    case "bytes":
      return before.bytes.tree !== after.bytes.tree || before.bytes.state !== after.bytes.state
        ? [{ kind: "all-goldens" }]
        : [];
    case "releases":
      return [{ kind: "all-goldens" }];
    case "maintenance":
      return [{ kind: "all-goldens", ...(probe.models ? { models: probe.models } : {}) }];
    default:
      return [];
  }
}

const two = (of: { model?: string } = {}): Ask[] => [
  { kind: "another-golden", not: "", ...of },
  { kind: "another-golden", not: "", ...of },
];

/** Nothing moves: the server is asked, and the model that stands still where only one of them does. */
function asksAfterProgress(before: Health, after: Health): Ask[] {
  const whole = startedToStall(before, after) ? [{ kind: "live" } as const, ...spread(after)] : [];
  const models = Object.entries(after.models).flatMap(([model, part]) => {
    const was = before.models[model];
    return was && startedToStall(was, part) ? two({ model }) : [];
  });
  return [...whole, ...models];
}

const startedToStall = (before: AnswerHealth, after: AnswerHealth): boolean =>
  before.progress.stalledMs === 0 && after.progress.stalledMs > 0;

/** Two different goldens, of two models where there are several: one model alone is not the server. */
function spread({ models }: Health): Ask[] {
  const [first, second] = Object.keys(models);
  if (first === undefined || second === undefined) return two();
  return [
    { kind: "another-golden", not: "", model: first },
    { kind: "another-golden", not: "", model: second },
  ];
}

function asksAfterOutput(before: Health, after: Health, probe: Extract<Probe, { kind: "output" }>): Ask[] {
  const { model } = probe;
  const part = model === undefined ? undefined : after.models[model];
  const was = (model === undefined ? undefined : before.models[model]) ?? before;
  if ((part ?? after).failed || isToldAgain(was, probe)) return [];
  return part && model !== undefined ? two({ model }) : two();
}

function asksAfterGolden(before: Health, after: Health, probe: Extract<Probe, { kind: "golden" }>): Ask[] {
  const { model, golden: id } = probe;
  const part = after.models[model];
  const { goldens, progress, failed } = part ?? after;
  if ((before.models[model] ?? before).failed && failed) return [];
  const another: Ask = { kind: "another-golden", not: id, ...(part ? { model } : {}) };
  const again: Ask[] = [{ kind: "golden", id }, another];
  if (probe.outcome === "timeout") {
    // While work is seen to finish, a late golden waits in a queue: asking more of them would only lengthen it.
    const worked = Math.max(after.progress.workedAtMs, progress.workedAtMs);
    if (probe.atMs - worked < after.progress.limitMs) return [];
    // A neighbour tells a model that hangs from a server that does.
    return part
      ? [
          { kind: "golden", id },
          { kind: "another-golden", not: id, notModel: model },
        ]
      : again;
  }
  // One more answer confirms; asking on would only burden a server that is in trouble already.
  if (probe.outcome === "error") return goldens.answers[id]?.errorsInARow === 1 ? again : [];
  if (probe.outcome === "not-finite") return again;
  const wrong =
    goldens.current === null
      ? probe.passes.length === 0 && probe.fails.length > 0
      : probe.fails.includes(goldens.current);
  if (!wrong) return [];
  const missesInARow = Math.max(
    ...probe.fails.map((digest) => goldens.answers[id]?.missesInARow[digest] ?? 0),
  );
  if (missesInARow === 1) return again;
  return [{ kind: "all-goldens", ...(part ? { models: [model] } : {}) }];
}
