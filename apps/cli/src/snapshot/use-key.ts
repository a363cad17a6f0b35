import { Fault } from "@locum/contracts";
import { appendKeyEvent, type KeyEvent, type KeyOpener, type Repository } from "@locum/snapshot/repository";
import type { Access } from "./access-repository.ts";

export type KeyUse = { verb: string; snapshots?: readonly string[] };

/**
 * The private key, to be used for this. That it is used is written into the repository's log of keys before anything is
 * opened with it: no other way leads from an access to data. @throws Fault not-authorised: there is none
 */
export async function useKey(access: Access, repository: Repository, use: KeyUse): Promise<KeyOpener> {
  const opener = await useKeyIfAny(access, repository, use);
  if (opener) return opener;
  throw new Fault("not-authorised", "snapshots are sealed, and no private key is at hand", {
    hint: "Name the private key of one of the repository's recipients with --key.",
  });
}

export async function useKeyIfAny(
  access: Access,
  repository: Repository,
  { verb, snapshots = [] }: KeyUse,
): Promise<KeyOpener | undefined> {
  if (!access.opener) return undefined;
  await noteKeyEvent(access, repository, { kind: "key-use", details: { verb, snapshots: [...snapshots] } });
  return access.opener;
}

/** What goes on whether it can be noted or not: a restore from storage that takes no writes must not end here. */
export async function noteKeyEvent(
  { who, keyId, io }: Access,
  repository: Repository,
  event: Pick<KeyEvent, "kind" | "details">,
): Promise<void> {
  try {
    await appendKeyEvent(repository, { ...event, by: who, key: keyId ?? null });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    io.stderr.write(`warning: the repository's log of keys has no entry of this: ${error.message}\n`);
  }
}
