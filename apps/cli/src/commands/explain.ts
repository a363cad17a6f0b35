import { exitCodes } from "@locum/contracts";
import {
  declineReasons,
  type InjectConfig,
  injectCompose,
  injectWorkload,
  isCompose,
  isWorkload,
  type SelectingService,
  selectingService,
} from "@locum/injection";
import { defineCommand } from "../command.ts";
import { injectFlags, readInjectConfig } from "../inject/inject-flags.ts";
import { readObjects } from "../inject/read-objects.ts";
import { reportBroken } from "../inject/report-outcomes.ts";

export const explain = defineCommand({
  usage: "explain -f FILE",
  about:
    "Says of each pod, or of each object that makes pods, why it is injected or why it is not: rule by rule, in the order in which they are asked.",
  examples: [
    ["locum explain -f deployment.yaml", "a file"],
    ["kubectl get pod triton-0 -o yaml | locum explain -f -", "a pod that runs"],
  ],
  flags: injectFlags,
  async run({ flags, io, out }) {
    const config = await readInjectConfig(flags, io);
    const { objects, broken } = await readObjects(flags.file, { io });
    reportBroken(broken, { io, out });
    if (broken.length > 0) return exitCodes.degraded;
    const services = objects.flatMap((object) => selectingService(object) ?? []);
    const explained = objects.flatMap((object) => explainObject(object, { config, services }));
    for (const { object, outcome, rules, ends } of explained) {
      const word = outcome === "injected" ? out.paint("good", "injected") : out.paint("warn", "not injected");
      out.say(`${out.paint("bold", object)}  ${word}`);
      out.table(["rule", "found"], [...rules, ...ends]);
      out.say("");
    }
    if (explained.length === 0) out.progress("no object here makes pods");
    out.summary({ explained: explained.map(({ ends: _ends, ...rest }) => rest) });
    return exitCodes.ok;
  },
});

type Explained = {
  object: string;
  outcome: "injected" | "declined";
  reason: string | null;
  rules: [rule: string, found: string][];
  ends: [rule: string, found: string][];
};
type Ending =
  | { kind: "injected"; notes: { code: string; detail: string }[] }
  | { kind: "declined"; reason: keyof typeof declineReasons; detail: string };

function explainObject(
  object: Record<string, unknown>,
  { config, services }: { config: InjectConfig; services: readonly SelectingService[] },
): Explained[] {
  if (isCompose(object))
    return injectCompose(object, config).services.map((one) =>
      ended(`service/${one.name}`, { ...one, kind: one.outcome } as Ending, []),
    );
  if (!isWorkload(object)) return [];
  const rules: Explained["rules"] = [];
  const result = injectWorkload(object, {
    config,
    services,
    onRule: (rule, found) => void rules.push([rule, found]),
  });
  const name = (object.metadata as { name?: unknown } | undefined)?.name ?? "-";
  return [ended(`${String(object.kind).toLowerCase()}/${String(name)}`, result, rules)];
}

function ended(object: string, ending: Ending, rules: Explained["rules"]): Explained {
  if (ending.kind === "injected")
    return {
      object,
      outcome: "injected",
      reason: null,
      rules,
      ends: ending.notes.map(({ code, detail }) => ["note", `${code}: ${detail}`]),
    };
  const { reason, detail } = ending;
  const stop: [string, string] = ["stops at", `${reason}: ${detail}. ${declineReasons[reason]}`];
  return { object, outcome: "declined", reason, rules, ends: [stop] };
}
