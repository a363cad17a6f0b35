import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { openRepository, type Repository, type RepositoryDeps } from "./repository.ts";

const triedMax = 32;
const passedOver: ReadonlySet<string> = new Set(["snapshot-corrupt", "snapshot-missing", "not-authorised"]);

/**
 * By the id key that every manifest carries for its recipients: a reader needs its private key and nothing else.
 * Undefined where there is no snapshot yet, and so nothing to open.
 * @throws Fault snapshot-missing: no repository · not-authorised: this key opens none of the newest manifests ·
 *   snapshot-corrupt · as `openRepository`
 */
export async function openByManifests(
  deps: Omit<RepositoryDeps, "idKey">,
  { opener }: { opener: KeyOpener },
): Promise<Repository | undefined> {
  const { store } = deps;
  if ((await store.size("config")) === undefined)
    throw new Fault("snapshot-missing", "there is no snapshot repository", {
      hint: "locum snapshot init --repository PLACE makes one.",
    });
  const { snapshots } = await listSnapshots({ store });
  let last: Fault | undefined;
  for (const { id } of snapshots.toReversed().slice(0, triedMax))
    try {
      const { idKey } = await readSnapshot({ store }, id, { opener });
      return await openRepository({ ...deps, idKey });
    } catch (error) {
      if (!(error instanceof Fault) || !passedOver.has(error.code)) throw error;
      last = error;
    }
  if (last) throw last;
  return undefined;
}
