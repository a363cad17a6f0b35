import { watchAllWrong } from "./all-wrong.ts";
import { changePlan } from "./change-plan.ts";
import type { Decision, Effect, Input, ServiceState } from "./decision.ts";
import { startPromotion } from "./failover.ts";
import { followIncidents } from "./incidents.ts";
import { acknowledge, connect, disconnect, hear, watchSilence } from "./membership.ts";
import { advanceOperations, finishOperation, takeOrder } from "./operations.ts";
import { publishPolicy } from "./policy.ts";
import { advancePromotion, confirmPath, finishPromotionStep } from "./promotion.ts";
import { startRepairs } from "./repairs.ts";
import { keepRoles } from "./roles.ts";
import { startTerm } from "./service-start.ts";
import { audit, setState, startTurn, type Turn } from "./turn.ts";

/**
 * The decision core of one service: everything that Locum does to a fleet is decided here, from the state and one
 * input, without a clock, a network or a disk. First the input changes what is known; then every rule looks at the
 * whole state (never at the input) and says what should be done. The same inputs give the same decisions, bit by bit.
 */
export function decide(before: ServiceState, input: Input): Decision {
  const turn = startTurn(before, input);
  observe(turn, input);
  if (!turn.state.observeOnly) {
    followIncidents(turn);
    watchAllWrong(turn);
    advancePromotion(turn);
    startPromotion(turn);
    keepRoles(turn);
    startRepairs(turn);
    advanceOperations(turn);
    publishPolicy(turn);
  }
  if (input.kind === "report") acknowledge(turn, input);
  return storeFirst(before, turn);
}

function observe(turn: Turn, input: Input): void {
  switch (input.kind) {
    case "start":
      return startTerm(turn, input);
    case "connected":
      return connect(turn, input);
    case "disconnected":
      return disconnect(turn, input);
    case "report":
      return hear(turn, input);
    case "result": {
      const awaited = turn.state.awaited[input.result.id];
      if (!awaited || awaited.instance !== input.instance) return;
      const { [input.result.id]: _answered, ...rest } = turn.state.awaited;
      setState(turn, { awaited: rest });
      finishPromotionStep(turn, awaited, input.result);
      return finishOperation(turn, awaited, input.result);
    }
    case "stored":
      return settleStore(turn, input);
    case "path":
      return confirmPath(turn, input);
    case "tick":
      return watchSilence(turn, input);
    case "order":
      return takeOrder(turn, input.order);
    case "plan":
      return changePlan(turn, input);
  }
}

/** A refused write means that another leader wrote since: this one has lost, whatever its clock says. */
function settleStore(turn: Turn, { version, ok }: Extract<Input, { kind: "stored" }>): void {
  if (turn.state.storing?.version !== version) return;
  if (!ok) {
    setState(turn, { storing: null, held: [], observeOnly: true });
    audit(turn, "collector.stop", null, "the store holds a newer state: another collector leads", {
      version,
    });
    return;
  }
  const { held, storing } = turn.state;
  setState(turn, { storing: null, held: [], stored: { term: storing.term, epoch: storing.epoch } });
  turn.effects.push(...held);
}

/**
 * The write that matters comes before the commands that follow from it: while the durable state is not stored,
 * commands and policies of this turn wait. Answers to reports, records and incidents do not.
 */
function storeFirst(before: ServiceState, turn: Turn): Decision {
  const { state } = turn;
  const changedWhileStoring =
    state.storing === null && before.storing !== null && before.storing !== state.durable;
  const dirty = state.durable !== before.durable || (changedWhileStoring && !state.observeOnly);
  if (!dirty && !state.storing) return { state, effects: turn.effects };
  const waits = ({ kind }: Effect) => kind === "send" || kind === "policy" || kind === "verify-path";
  const now = turn.effects.filter((effect) => !waits(effect));
  const held = [...state.held, ...turn.effects.filter(waits)];
  if (state.storing || !dirty) return { state: { ...state, held }, effects: now };
  const durable = { ...state.durable, version: state.durable.version + 1 };
  return {
    state: { ...state, durable, storing: durable, held },
    effects: [...now, { kind: "store", durable }],
  };
}
