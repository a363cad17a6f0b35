import { listRefs } from "./refs.ts";
import type { Repository } from "./repository.ts";

/** The snapshots that channels hold, with the channels' names: what `planRetention` and `forget` let nobody remove. */
export async function readPins(repository: Repository): Promise<Map<string, string[]>> {
  const pins = new Map<string, string[]>();
  for (const { snapshot, model, channel } of await listRefs(repository))
    if (snapshot) pins.set(snapshot, [...(pins.get(snapshot) ?? []), `${model}/${channel}`]);
  return pins;
}
