import { type KeyObject, randomBytes } from "node:crypto";
import { Fault, type SnapshotRepository } from "@locum/contracts";
import { readSecretFile, readTextFile } from "@locum/runtime";
import type { Repository, Writer } from "@locum/snapshot/repository";

/** What takes snapshots and opens none: the repository, whom it seals for, and who signs. */
export type SnapshotWriter = {
  repository: Repository;
  recipients: Writer["recipients"];
  signer: KeyObject | undefined;
};

/**
 * Loaded and opened when the first snapshot is due: a sidecar that keeps none carries none of it.
 * @throws Fault snapshot-missing · config-unreadable · config-invalid · not-authorised · storage-failed
 */
export async function openWriter(
  { place, credentialsFile, writerDir, signerFile }: SnapshotRepository,
  { env, wallMs }: { env: NodeJS.ProcessEnv; wallMs: () => number },
): Promise<SnapshotWriter> {
  const { nativeHash, openPlace, openRepository, readSigner, readWriter } = await import(
    "@locum/snapshot/repository"
  );
  const { openBucket } = await import("@locum/runtime/object-store");
  const files = { readTextFile, readSecretFile };
  const writer = await readWriter(writerDir, files);
  if (!writer)
    throw new Fault("not-authorised", `${writerDir} has no id key: nothing can be written`, {
      hint: "locum snapshot init makes it; copy the folder to each machine that takes snapshots.",
    });
  const cwd = process.cwd();
  const { store } = openPlace(place, { credentialsFile, cwd, env: (name) => env[name], openBucket });
  const random = (length: number) => randomBytes(length);
  return {
    repository: await openRepository({ store, idKey: writer.idKey, hash: nativeHash, random, wallMs }),
    recipients: writer.recipients,
    signer:
      signerFile === undefined ? undefined : await readSigner(signerFile, files, { groupMayRead: true }),
  };
}
