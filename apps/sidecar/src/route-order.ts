import type { Role } from "@locum/contracts";
import type { PeerState } from "./peers.ts";
import type { Target, TargetChoice } from "./tap/target.ts";

export type RouteInput = {
  own: Target;
  role: Role;
  exclusive: boolean;
  /** The holder's word: role and lease allow answers. */
  mayServe: boolean;
  diverted: boolean;
  /** Its goldens pass, or there are none. */
  proven: boolean;
  failClosed: boolean;
  /** Its release fails everywhere, and the policy says to refuse rather than to serve it. */
  refused: boolean;
  peers: readonly PeerState[];
};

/** Where a request may go now, best first. Asked for every try of every request: pure and cheap. */
export function routeOrder(input: RouteInput): TargetChoice {
  const { own, role, exclusive, mayServe, diverted, proven, failClosed, refused, peers } = input;
  if (exclusive) return { own: mayServe && !(failClosed && diverted) ? own : undefined, others: [] };
  const others = fitTargets(peers);
  const unsafe = refused || (failClosed && (diverted || !proven));
  if (!mayServe || unsafe) return { own: undefined, others };
  // The last instance goes on serving: an answer that may be wrong is for failClosed to refuse, not for us.
  if (others.length === 0) return { own, others };
  // A peer's tap must not be sent back here, so its own server comes last, after those that are proven.
  if (diverted) return { own: undefined, others: [...others, own] };
  const activeFit = peers.some((peer) => peer.fit && peer.role === "active" && peer.target !== null);
  return role === "standby" && activeFit ? { own, others, ownLast: true } : { own, others };
}

function fitTargets(peers: readonly PeerState[]): Target[] {
  const fit = peers.filter((peer) => peer.fit && peer.role !== "fenced" && peer.target !== null);
  const ranked = [
    ...fit.filter(({ role }) => role === "active"),
    ...fit.filter(({ role }) => role !== "active"),
  ];
  return ranked.flatMap(({ target }) => target ?? []);
}
