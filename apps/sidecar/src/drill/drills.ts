import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Log, type Random, writeFileAtomic } from "@locum/runtime";
import { type ActContext, done, type Outcome, refused } from "../acts/act-context.ts";
import { corruptWeights } from "./corrupt-weights.ts";
import { killProcess, stopProcess } from "./signal-process.ts";
import { throughProxy } from "./through-proxy.ts";

/**
 * One kind of fault. `undo` must work from the journal alone, in another process, and more than once: the sidecar may
 * have died in between.
 */
export type DrillFault = {
  /** What `undo` will need, decided before anything is touched. @throws Fault */
  plan(context: ActContext): Promise<Record<string, string>>;
  /** `end` undoes what lives in this process alone. */
  begin(
    context: ActContext,
    plan: Record<string, string>,
    random: Pick<Random, "next">,
  ): Promise<{ detail: string; end?: () => void }>;
  undo(plan: Record<string, string>, context: ActContext | null): Promise<void>;
};

const faults: Record<string, DrillFault> = {
  nan: throughProxy("nan"),
  slow: throughProxy("slow"),
  "error-rate": throughProxy("error-rate"),
  hang: throughProxy("hang"),
  "corrupt-weights": corruptWeights,
  kill: killProcess,
  stop: stopProcess,
};

export type Drills = {
  start(context: ActContext, fault: string, ms: number): Promise<Outcome>;
  /** Undoes what a sidecar that died left behind. To be called before the files are read. */
  recover(): Promise<void>;
  /** Undoes what runs. */
  stop(): Promise<void>;
};

type Planned = { fault: string; plan: Record<string, string> };
type Running = Planned & { timer: NodeJS.Timeout; context: ActContext; end?: () => void };

/** Breaks something on purpose, on an instance that is marked for it, and puts it right again whatever happens. */
export function createDrills({
  stateDir,
  drillable,
  random,
  log,
}: {
  stateDir: string;
  drillable: boolean;
  random: Pick<Random, "next">;
  log: Log;
}): Drills {
  const journal = join(stateDir, "drill.json");
  let running: Running | null = null;

  const undo = async ({ fault, plan }: Planned, context: ActContext | null): Promise<void> => {
    try {
      await faults[fault]?.undo(plan, context);
      await rm(journal, { force: true });
      log("info", "a drill was undone", { action: fault });
    } catch (error) {
      log("error", "a drill could not be undone; it is tried again at the next start", {
        action: fault,
        error,
      });
    }
  };
  const finish = async (): Promise<void> => {
    const ending = running;
    if (!ending) return;
    clearTimeout(ending.timer);
    ending.end?.();
    await undo(ending, ending.context);
    running = null;
  };
  return {
    async start(context, name, ms) {
      const fault = Object.hasOwn(faults, name) ? faults[name] : undefined;
      if (!drillable) return refused("refused", "this instance is not marked drillable in the service file");
      if (!fault)
        return refused("usage", `unknown fault ${name}; there are ${Object.keys(faults).join(", ")}`);
      if (running) return refused("conflict", `the drill ${running.fault} is under way`);
      const plan = await fault.plan(context);
      // The way back is on disk before the first step.
      await writeFileAtomic(journal, JSON.stringify({ fault: name, plan }), { mode: 0o600 });
      const timer = setTimeout(() => void finish(), ms);
      running = { fault: name, plan, timer, context };
      try {
        const { detail, end } = await fault.begin(context, plan, random);
        if (end) running.end = end;
        return done(`${name}: ${detail}; undone after ${ms} ms`);
      } catch (error) {
        await finish();
        throw error;
      }
    },
    async recover() {
      const text = await readFile(journal, "utf8").catch(() => null);
      if (text === null) return;
      try {
        await undo(JSON.parse(text) as Planned, null);
      } catch (error) {
        log("error", "the journal of a drill cannot be read", { path: journal, error });
      }
    },
    stop: finish,
  };
}
