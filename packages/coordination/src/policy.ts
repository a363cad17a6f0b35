import type { Policy } from "@locum/contracts";
import { isPaused, membersOf, setState, type Turn } from "./turn.ts";

/** What sidecars go on running by when the collector is away: sent whenever it says something new. */
export function publishPolicy(turn: Turn): void {
  // A new leader that has not heard everybody yet would tell the peers that nobody can be reached.
  if (turn.atMs < turn.state.observeUntilMs && membersOf(turn).some(({ report }) => report === null)) return;
  const { durable, plan, policy, policyCount } = turn.state;
  const peers = membersOf(turn).map(({ id, report, silent, contested }) => ({
    id,
    tap: report?.tap ?? null,
    control: report?.control ?? null,
    role: durable.roles[id] ?? "standby",
    fit: report?.fit === true && !silent && !contested,
  }));
  const next: Policy = {
    number: 0,
    frozen: durable.frozen,
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
