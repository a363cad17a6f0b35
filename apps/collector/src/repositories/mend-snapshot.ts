import { Fault } from "@locum/contracts";
import {
  healPacks,
  type KeyOpener,
  type LoadedIndex,
  type ManifestBody,
  neededFiles,
  type Recipient,
  type Repository,
} from "@locum/snapshot/repository";

/** How many packs of a snapshot were damaged and are whole now. None where somebody else heals or collects. */
export async function mendSnapshot(
  repository: Repository,
  {
    id,
    body,
    loaded,
    opener,
    recipients,
    holder,
  }: {
    id: string;
    body: ManifestBody;
    loaded: LoadedIndex;
    opener: KeyOpener;
    recipients: readonly Recipient[];
    holder: string;
  },
): Promise<number> {
  const names = [...neededFiles(id, body, loaded.index)].filter((name) => name.endsWith(".pk"));
  let mended = 0;
  try {
    for await (const { kind } of healPacks(repository, { names, holder, opener, recipients }))
      if (kind === "repaired" || kind === "replaced") mended += 1;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "conflict") throw error;
  }
  return mended;
}
