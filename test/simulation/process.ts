import type { NodeClock } from "./clock.ts";
import { realMs } from "./clock.ts";
import type { Act } from "./event-heap.ts";
import type { World } from "./world.ts";

/** A program with one event loop. While it is paused its events wait; a crash forgets them. */
export type Process = {
  name: string;
  up: boolean;
  /** Grows with each start: timers of an earlier life do not fire. */
  life: number;
  pausedUntilMs: number;
  timersDue: Act[];
  framesDue: Act[];
  clock: NodeClock;
};

/** Frames beyond this find a full socket buffer. */
const framesDueMax = 2000;

export const newProcess = (name: string, clock: NodeClock): Process => ({
  name,
  up: true,
  life: 0,
  pausedUntilMs: 0,
  timersDue: [],
  framesDue: [],
  clock,
});

export const isRunning = (world: World, process: Process): boolean =>
  process.up && process.pausedUntilMs <= world.nowMs;

/** After so long on the process's own monotonic clock, unless it has died since. */
export function later(world: World, process: Process, localMs: number, act: Act): void {
  const { life } = process;
  world.heap.push(world.nowMs + realMs(process.clock, localMs), () => {
    if (!process.up || process.life !== life) return;
    if (process.pausedUntilMs > world.nowMs) process.timersDue.push(act);
    else act();
  });
}

/** Something from outside arrives. */
export function arrive(world: World, process: Process, act: Act): void {
  if (!process.up) return;
  if (process.pausedUntilMs <= world.nowMs) return act();
  if (process.framesDue.length < framesDueMax) process.framesDue.push(act);
}

/** Stops the event loop for a while: a SIGSTOP, a long garbage collection, or (suspended) the whole machine. */
export function pause(world: World, process: Process, ms: number, suspended = false): void {
  if (!isRunning(world, process)) return;
  process.pausedUntilMs = world.nowMs + ms;
  const { life } = process;
  world.heap.push(process.pausedUntilMs, () => {
    if (!process.up || process.life !== life) return;
    if (suspended) process.clock.suspendedMs += ms;
    // Whoever looks at this instant, before any timer has run, must not find it serving.
    world.heap.push(world.nowMs, () => process.up && process.life === life && resume(process));
  });
}

/** After a stall timers run before the sockets are read: that is what tempts an observer to declare everybody dead. */
function resume(process: Process): void {
  const { life, timersDue, framesDue } = process;
  process.timersDue = [];
  process.framesDue = [];
  for (const act of [...timersDue, ...framesDue]) if (process.up && process.life === life) act();
}

export function crash(process: Process): void {
  process.up = false;
  process.life += 1;
  process.pausedUntilMs = 0;
  process.timersDue = [];
  process.framesDue = [];
}
