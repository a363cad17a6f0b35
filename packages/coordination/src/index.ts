export { type ActionBudget, mayAct, recentActions } from "./action-budget.ts";
export type { Ask } from "./asks.ts";
export { decide } from "./decide.ts";
export type * from "./decision.ts";
export { type Fitness, fitnessOf, type ModelFitness } from "./fitness.ts";
export { type GoldenMatch, matchGolden } from "./golden-match.ts";
export { type AnswerHealth, type Health, type JudgePolicy, startHealth } from "./health.ts";
export { type Holder, type HolderEffect, type HolderInput, hold, mayServe, startHolder } from "./holder.ts";
export { judge } from "./judge.ts";
export { judgedAs } from "./judged-as.ts";
export {
  type GivenOutput,
  type GoldenRefusal,
  type InstanceSamples,
  learnGolden,
  type NoiseBands,
} from "./learn-golden.ts";
export { goldensToAsk } from "./model-set.ts";
export { type Repair, type RepairPolicy, repairFor, repeatsOf, triedBy, wrongModels } from "./repair-for.ts";
export { planOf, startService } from "./service-start.ts";
export { smallestVisibleFault, type VisibleFault } from "./smallest-visible-fault.ts";
