import type { ModelProcess } from "./model-process.ts";
import type { Stage } from "./stage.ts";
import { deploy, strikes } from "./strikes.ts";

export type DemoFault = {
  name: string;
  title: string;
  /** Which instance it strikes: the one that serves, or the one that stands by. */
  strikes: "active" | "standby";
  inject(stage: Stage, target: ModelProcess): Promise<unknown>;
  objectives: { rtoMs: number; failedMax: number | null };
  /** What must not happen, besides the figures: a sentence if it did. */
  broken?(seen: { diverted: boolean; refused: boolean }): string | null;
  /** Nothing is to be found here: a deploy that Locum has to leave alone. */
  peaceful?: boolean;
};

const wrongWithin = { rtoMs: 2000, failedMax: 0 };

export const demoFaults: readonly DemoFault[] = [
  {
    name: "kill",
    title: "kill -9 the model server",
    strikes: "active",
    inject: (_stage, target) => strikes.kill(target),
    objectives: { rtoMs: 300, failedMax: 0 },
  },
  {
    name: "hang",
    title: "kill -STOP: the port accepts, nobody answers",
    strikes: "active",
    inject: (_stage, target) => strikes.hang(target),
    objectives: { rtoMs: 1000, failedMax: 0 },
  },
  {
    name: "corrupt-weights",
    title: "64 KiB of weights overwritten, model reloaded",
    strikes: "active",
    inject: (_stage, target) => strikes["corrupt-weights"](target),
    objectives: wrongWithin,
  },
  {
    name: "nan",
    title: "NaN in every answer, status 200",
    strikes: "active",
    inject: (_stage, target) => strikes.nan(target),
    objectives: wrongWithin,
  },
  {
    name: "older-model",
    title: "a valid but older model swapped in",
    strikes: "active",
    inject: (stage, target) => strikes["older-model"](target, stage.models),
    objectives: wrongWithin,
  },
  {
    name: "unfit-standby",
    title: "standby corrupted, then the active killed",
    strikes: "active",
    inject: async (stage, target) => {
      const standby = stage.other(target);
      await strikes["corrupt-weights"](standby);
      await stage.seen(standby.id, ({ fit }) => !fit, "its standby was found unfit");
      await strikes.kill(target);
    },
    // Nobody may stand in, so answers are missing until the killed one is back or the standby is put right.
    objectives: { rtoMs: 10_000, failedMax: null },
    broken: ({ refused }) => (refused ? null : "the unfit standby was not refused"),
  },
  {
    name: "no-collector",
    title: "collector killed, then NaN in every answer",
    strikes: "active",
    inject: async (stage, target) => {
      await stage.killCollector();
      await strikes.nan(target);
    },
    objectives: wrongWithin,
    broken: ({ diverted }) => (diverted ? null : "the tap did not divert without a collector"),
  },
  {
    name: "deploy",
    title: "an approved new release deployed",
    strikes: "active",
    inject: async (stage, target) => {
      await stage.approveNewer();
      await deploy(target, stage.models.newer);
    },
    objectives: { rtoMs: 0, failedMax: 0 },
    peaceful: true,
    broken: ({ diverted }) => (diverted ? "the approved deploy was diverted" : null),
  },
];
