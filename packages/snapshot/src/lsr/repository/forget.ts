import { Fault } from "@locum/contracts";
import { manifestPath } from "./list-snapshots.ts";
import { readPins } from "./read-pins.ts";
import type { Repository } from "./repository.ts";
import { ulidPattern } from "./ulid.ts";

/**
 * Removes manifests, nothing else: what only they needed is garbage from then on. Pinned is what any channel points to,
 * `last-verified` and the holds of auditors (`pinned-*`) among them, as the refs stand now, whatever was planned before.
 * One that is not there is forgotten already.
 * @throws Fault refused: a channel points to one of them; none was removed · snapshot-corrupt: a channel cannot be read
 */
export async function forget(repository: Repository, ids: readonly string[]): Promise<void> {
  const pins = await readPins(repository);
  for (const id of ids) {
    if (!ulidPattern.test(id)) throw new Fault("request-invalid", `${id} is no snapshot's id`);
    const held = pins.get(id);
    if (held)
      throw new Fault("refused", `snapshot ${id} is held by ${held.join(", ")}`, {
        hint: "Nothing was forgotten. Move or release the channel first, if it may be.",
      });
  }
  for (const id of ids) {
    const beside = manifestPath(id).slice(0, -"sn".length);
    await repository.store.remove(manifestPath(id));
    for await (const { name } of repository.store.list(beside)) await repository.store.remove(name);
  }
}
