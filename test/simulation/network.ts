import type { Act } from "./event-heap.ts";
import { arrive, type Process } from "./process.ts";
import type { World } from "./world.ts";

/** One direction between two processes. */
export type Link = {
  /** Nothing passes before this; what is sent is lost, and with it the rest of its stream. */
  cutUntilMs: number;
  /** What is sent waits at least until this. */
  cloggedUntilMs: number;
  lastArrivalMs: number;
};

export const newLink = (): Link => ({ cutUntilMs: 0, cloggedUntilMs: 0, lastArrivalMs: 0 });

/**
 * Sends one frame. Returns false where it was lost: in one TCP stream nothing that follows can then arrive either, so
 * the caller marks its stream as broken. Duplicates and reordering are what streams, proxies and retries add up to.
 */
export function transmit(world: World, link: Link, to: Process, act: Act): boolean {
  const { delayMs, loss, duplication, reordering } = world.network;
  const { random, nowMs } = world;
  if (link.cutUntilMs > nowMs || random.chance(loss)) return false;
  let arrivalMs = Math.max(nowMs + delayMs * (0.5 + random.next()), link.cloggedUntilMs);
  if (reordering > 0 && random.chance(reordering)) arrivalMs += random.wait(20 * delayMs);
  else {
    arrivalMs = Math.max(arrivalMs, link.lastArrivalMs);
    link.lastArrivalMs = arrivalMs;
  }
  world.heap.push(arrivalMs, () => arrive(world, to, act));
  if (duplication > 0 && random.chance(duplication))
    world.heap.push(arrivalMs + random.wait(50 * delayMs), () => arrive(world, to, act));
  return true;
}
