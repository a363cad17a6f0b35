/**
 * The two clocks of one node. The monotonic one runs at its own rate (a quartz of a hot machine, a guest whose host is
 * busy) and stands still while the machine is suspended; the wall clock is kept right by the network, but may be
 * wrong by an offset and may be stepped.
 */
export type NodeClock = { rate: number; startMs: number; suspendedMs: number; offsetMs: number };

const wallStartMs = 1_700_000_000_000;

export const monotonicMs = (clock: NodeClock, nowMs: number): number =>
  clock.startMs + (nowMs - clock.suspendedMs) * clock.rate;

export const wallMs = (clock: NodeClock, nowMs: number): number => wallStartMs + nowMs + clock.offsetMs;

/** How long a timer of this node lasts in real time. */
export const realMs = (clock: NodeClock, localMs: number): number => localMs / clock.rate;
