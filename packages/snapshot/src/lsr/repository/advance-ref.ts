import { Fault } from "@locum/contracts";
import { moveRef, readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";

const triesMax = 20;

/**
 * Moves a channel to a snapshot unless it is at a newer one, which ids tell as they sort by time. Whoever loses the race
 * looks again. Says whether the channel is there now. @throws as `moveRef`
 */
export async function advanceRef(
  repository: Repository,
  { model, channel, id, by }: { model: string; channel: string; id: string; by: string },
): Promise<boolean> {
  const name = { model, channel };
  for (let tries = 0; ; tries++) {
    const current = (await readRef(repository, name))?.snapshot ?? null;
    if (current !== null && current >= id) return current === id;
    try {
      await moveRef(repository, name, { snapshot: id, by, expected: current });
      return true;
    } catch (error) {
      if (!(error instanceof Fault && error.code === "conflict") || tries >= triesMax) throw error;
    }
  }
}
