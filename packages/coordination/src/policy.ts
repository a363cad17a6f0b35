import type { Policy } from "@locum/contracts";
import { isShadow } from "./candidates.ts";
import { isPaused, membersOf, setState, type Turn } from "./turn.ts";

/** What sidecars go on running by when the collector is away: sent whenever it says something new. */
export function publishPolicy(turn: Turn): void {
  // A new leader that has not heard everybody yet would tell the peers that nobody can be reached.
  if (turn.atMs < turn.state.observeUntilMs && membersOf(turn).some(({ report }) => report === null)) return;
  const { durable, plan, policy, policyCount } = turn.state;
  const inService = membersOf(turn).filter(({ id }) => !isShadow(turn, id));
  const peers = inService.map(({ id, report, silent, contested }) => ({
    id,
    tap: report?.tap ?? null,
    control: report?.control ?? null,
    role: durable.roles[id] ?? "standby",
    fit: report?.fit === true && !silent && !contested,
  }));
  const frozenModels = durable.frozenModels ?? {};
  const next: Policy = {
    number: 0,
    frozen: durable.frozen,
    // Left out where it says nothing: a sidecar of another version verifies only what it knows.
    ...(Object.keys(frozenModels).length > 0 ? { frozenModels } : {}),
    allWrong: plan.allWrong,
    paused: isPaused(turn),
    peers,
  };
  if (policy && sameOrders(policy, next)) return;
  const numbered = { ...next, number: durable.term * 1_000_000 + policyCount + 1 };
  setState(turn, { policy: numbered, policyCount: policyCount + 1 });
  turn.effects.push({ kind: "policy", policy: numbered });
}

function sameOrders(a: Policy, b: Policy): boolean {
  return (
    a.paused === b.paused &&
    a.allWrong === b.allWrong &&
    JSON.stringify(a.frozenModels) === JSON.stringify(b.frozenModels) &&
    a.frozen.length === b.frozen.length &&
    a.frozen.every((digest, index) => digest === b.frozen[index]) &&
    a.peers.length === b.peers.length &&
    a.peers.every((peer, index) => {
      const other = b.peers[index];
      return (
        other !== undefined &&
        peer.id === other.id &&
        peer.tap === other.tap &&
        peer.control === other.control &&
        peer.role === other.role &&
        peer.fit === other.fit
      );
    })
  );
}
