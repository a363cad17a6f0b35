import type { Command } from "@locum/contracts";
import type { decide as Decide, Effect, Input, ServiceState } from "@locum/coordination";
import { deliveredCore } from "./run.ts";
import { type Scenario, withTwoModels } from "./scenario.ts";
import type { Core } from "./world.ts";

/**
 * The delivered core with one of its guards undone from outside, by changing what it sees or says. A simulation that
 * does not find these finds nothing.
 */
export type PlantedBug = {
  name: string;
  core: Core;
  /** What the simulation says of it. */
  found: RegExp;
  /** Rare worlds are drawn more often, so that the search stays short. */
  focus?: (drawn: Scenario) => Scenario;
};

const exclusive = (drawn: Scenario): Scenario => ({
  ...drawn,
  plan: {
    ...drawn.plan,
    class: "exclusive",
    mode: "auto",
    instances: drawn.plan.instances.map((instance, index) => ({
      ...instance,
      role: index === 0 ? "active" : "standby",
    })),
  },
});

const twoLeaders = (drawn: Scenario): Scenario => ({
  ...exclusive(drawn),
  replicas: 2,
  faults: ["split-brain"],
  faultEveryMs: 40 * drawn.plan.heartbeatMs,
});

const lateCommands = (drawn: Scenario): Scenario => ({
  ...exclusive(drawn),
  network: { delayMs: 40, loss: 0, duplication: 0.2, reordering: 0.3 },
  faults: ["model-crash", "memory-wrong", "model-hang"],
  faultEveryMs: 15 * drawn.plan.heartbeatMs,
});

const deploys = (drawn: Scenario): Scenario => ({
  ...drawn,
  plan: { ...drawn.plan, mode: "auto", onUnapproved: "restore" },
  faults: ["deploy", "bytes-wrong"],
});

const oneWrongOfTwo = (drawn: Scenario): Scenario => ({
  ...withTwoModels(drawn),
  plan: { ...drawn.plan, mode: "auto" },
  faults: ["memory-wrong", "not-finite"],
  faultEveryMs: 40 * drawn.plan.heartbeatMs,
});

const withDecide = (decide: typeof Decide): Core => ({ ...deliveredCore, decide });

/** Runs the core on a changed state, and takes the change back where the core left it alone. */
const seeing = (change: (state: ServiceState, input: Input) => ServiceState): Core =>
  withDecide((state, input) => deliveredCore.decide(change(state, input), input));

const membersOf = (state: ServiceState, patch: Partial<ServiceState["members"][string]>) =>
  Object.fromEntries(Object.entries(state.members).map(([id, member]) => [id, { ...member, ...patch }]));

export const plantedBugs: PlantedBug[] = [
  {
    name: "a promotion commits without waiting for leases or fences",
    found: /^I1: /,
    focus: lateCommands,
    core: seeing((state) => ({
      ...state,
      observeUntilMs: Math.min(state.observeUntilMs, 0),
      members: membersOf(state, { leaseUntilMs: 0 }),
    })),
  },
  {
    name: "a promotion commits without the candidate's proof",
    found: /^I3: .*never asked/,
    core: seeing((state) => {
      const { promotion } = state.durable;
      if (promotion?.phase !== "prepare" || promotion.prepared) return state;
      const incarnation = state.members[promotion.to]?.incarnation ?? null;
      return {
        ...state,
        durable: { ...state.durable, promotion: { ...promotion, prepared: true, incarnation } },
      };
    }),
  },
  {
    name: "a leader grants leases after its own leadership has ended",
    found: /^I1: /,
    focus: twoLeaders,
    core: withDecide((state, input) => {
      const endless =
        input.kind === "tick" || input.kind === "start" ? { leadUntilMs: Number.POSITIVE_INFINITY } : {};
      return deliveredCore.decide(state, { ...input, ...endless } as Input);
    }),
  },
  {
    name: "a sidecar obeys a lower epoch",
    found: /^I2: /,
    focus: lateCommands,
    core: {
      ...deliveredCore,
      hold: (holder, input) => {
        if (input.kind !== "command") return deliveredCore.hold(holder, input);
        const { term, epoch } = input.command;
        return deliveredCore.hold(
          { ...holder, term: Math.min(term, holder.term), epoch: Math.min(epoch, holder.epoch) },
          input,
        );
      },
    },
  },
  {
    name: "a sidecar does not let go when its lease ends",
    found: /^I1: /,
    core: {
      ...deliveredCore,
      hold: (holder, input) => {
        const { leaseUntilMs } = holder;
        const endless = leaseUntilMs === null ? null : Number.POSITIVE_INFINITY;
        return deliveredCore.hold({ ...holder, leaseUntilMs: endless }, input);
      },
    },
  },
  {
    name: "a restarted active serves on without a lease",
    found: /^I1: /,
    core: {
      ...deliveredCore,
      startHolder: (start) => ({
        ...deliveredCore.startHolder(start),
        role: start.role,
        leaseUntilMs: start.role === "active" ? start.atMs + 60_000 : null,
      }),
    },
  },
  {
    name: "a collector does not credit its own stall",
    found: /^I5: .*called silent/,
    core: withDecide((state, input) =>
      deliveredCore.decide(state, input.kind === "tick" ? { ...input, stalledMs: 0 } : input),
    ),
  },
  {
    name: "commands leave before their decision is stored",
    found: /^I\d: /,
    core: withDecide((state, input) => {
      const decision = deliveredCore.decide(state, input);
      return {
        state: { ...decision.state, held: [] },
        effects: [...decision.effects, ...decision.state.held],
      };
    }),
  },
  {
    name: "acknowledgements name an epoch that is not stored",
    found: /^I5: /,
    core: withDecide((state, input) => {
      const decision = deliveredCore.decide(state, input);
      const { term, epoch } = decision.state.durable;
      return {
        ...decision,
        effects: decision.effects.map((effect) =>
          effect.kind === "ack" ? { ...effect, term, epoch } : effect,
        ),
      };
    }),
  },
  {
    name: "candidates need not be fit",
    found: /^I3: .*long said that it is wrong/,
    core: withDecide((state, input) => {
      if (input.kind !== "report") return deliveredCore.decide(state, input);
      const { report } = input;
      const looksFit = {
        ...report,
        fit: true,
        goldens: "proven" as const,
        bytes: "approved" as const,
        provenAgeMs: 0,
      };
      const verdict: typeof report.verdict =
        report.role === "standby" ? ({ kind: "healthy", evidence: [] } as const) : report.verdict;
      return deliveredCore.decide(state, { ...input, report: { ...looksFit, verdict } });
    }),
  },
  {
    name: "repairs are ordered without an intent on record",
    found: /^I4: /,
    core: withDecide((state, input) => {
      const decision = deliveredCore.decide(state, input);
      const silent = ["restore.intent", "reload.intent", "restart.intent"];
      return {
        ...decision,
        effects: decision.effects.filter(
          (effect) => effect.kind !== "audit" || !silent.includes(effect.event.kind),
        ),
      };
    }),
  },
  {
    name: "a wrong model of several takes its neighbours with it",
    found: /^I3: .*down, which is right/,
    focus: oneWrongOfTwo,
    core: withDecide((state, input) => {
      const decision = deliveredCore.decide(state, input);
      return { ...decision, effects: decision.effects.map(ofAll) };
    }),
  },
  {
    name: "a standby that is wrong about one model is a candidate",
    found: /^I3: /,
    focus: (drawn) => ({ ...oneWrongOfTwo(drawn), faults: ["memory-wrong", "not-finite", "model-crash"] }),
    core: withDecide((state, input) => {
      if (input.kind !== "report" || input.report.verdict.kind !== "healthy")
        return deliveredCore.decide(state, input);
      const { models: _models, ...report } = input.report;
      const looksFit = { ...report, fit: true, goldens: "proven" as const, provenAgeMs: 0 };
      return deliveredCore.decide(state, { ...input, report: looksFit });
    }),
  },
  {
    name: "whatever is deployed is restored away",
    found: /^I3: .*restores an approved release away/,
    focus: deploys,
    core: withDecide((state, input) => {
      const decision = deliveredCore.decide(state, input);
      return { ...decision, effects: decision.effects.map((effect) => judgedNow(decision.state, effect)) };
    }),
  },
];

/** A repair that was meant for some models of a server, and is one of all of them. */
function ofAll(effect: Effect): Effect {
  if (effect.kind !== "send") return effect;
  const { act } = effect.command;
  if (act.kind !== "reload" && act.kind !== "restore") return effect;
  const { models: _models, ...whole } = act;
  return { ...effect, command: { ...effect.command, act: whole } };
}

/** A restore that is told the newest tree instead of the judged one: the compare-and-swap compares with itself. */
function judgedNow(state: ServiceState, effect: Effect): Effect {
  if (effect.kind !== "send" || effect.command.act.kind !== "restore") return effect;
  const judged = state.members[effect.instance]?.report?.tree;
  if (!judged) return effect;
  const act: Command["act"] = { ...effect.command.act, judged };
  return { ...effect, command: { ...effect.command, act } };
}
