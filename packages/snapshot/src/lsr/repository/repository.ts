import { Fault } from "@locum/contracts";
import { z } from "zod";
import { corrupt } from "../corrupt.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { type BlobStore, readBlob } from "../store/blob-store.ts";
import { macLine, openMacLine } from "./mac-line.ts";

export type RepositoryDeps = {
  store: BlobStore;
  /** 32 bytes: names chunks, opens indices, opens no record. */
  idKey: Uint8Array;
  hash: KeyedHash;
  /** Cryptographically strong. */
  random: (length: number) => Uint8Array;
  /** Milliseconds since 1970. What is deleted is judged by the storage's clock, not by this one. */
  wallMs: () => number;
};

/** An open repository: data, no connection. Nothing of it has to be closed. */
export type Repository = RepositoryDeps & {
  repositoryId: Uint8Array;
  macKey: Uint8Array;
  config: RepositoryConfig;
};

const hexId = z.string().regex(/^[0-9a-f]{64}$/);
const config = z.object({
  format: z.string().max(40),
  repository: hexId,
  createdAt: z.string().max(40),
  chunkBytes: z.number().int(),
  parity: z.tuple([z.number().int().positive(), z.number().int().nonnegative()]),
  requires: z.array(z.string().max(100)).max(100),
  optional: z.array(z.string().max(100)).max(100),
});
export type RepositoryConfig = z.infer<typeof config>;

/** Features that a repository may require and this code knows. */
const knownFeatures: ReadonlySet<string> = new Set<string>();

/**
 * Makes an empty repository, or opens the one that is there: of two who make it at once, both get the same.
 * @throws as `openRepository`, and disk-full · storage-failed · refused: the storage writes over what is there
 */
export async function createRepository(
  deps: RepositoryDeps,
  { parity = [16, 1] }: { parity?: RepositoryConfig["parity"] } = {},
): Promise<Repository> {
  if ((await deps.store.size("config")) !== undefined) return openRepository(deps);
  const repositoryId = deps.random(32);
  await deps.store.create("config", [
    macLine(macKeyOf(deps.idKey, repositoryId), "config", {
      format: "LSR/1",
      repository: Buffer.from(repositoryId).toString("hex"),
      createdAt: new Date(deps.wallMs()).toISOString(),
      chunkBytes: limits.chunk,
      parity,
      requires: [],
      optional: [],
    } satisfies RepositoryConfig),
  ]);
  await refuseOverwriting(deps.store);
  return openRepository(deps);
}

/**
 * Some buckets take `If-None-Match: *` of a write and heed it not; then two writers could both have one number. Told here,
 * before anything rests on it.
 */
async function refuseOverwriting(store: BlobStore): Promise<void> {
  if (!(await store.create("config", []))) return;
  await store.remove("config");
  throw new Fault("refused", "the storage writes over what is there, though it was asked not to", {
    hint: "Two writers could both win there. Use a store that honours If-None-Match: *; for Google Cloud Storage, gs://.",
  });
}

/**
 * @throws Fault snapshot-missing: there is none · snapshot-corrupt: its config is damaged, or of another id key ·
 *   refused: it needs a format or features that are not known here, which the message names
 */
export async function openRepository(deps: RepositoryDeps): Promise<Repository> {
  const bytes = await readBlob(deps.store, "config", limits.macLine);
  const repositoryOf = (json: Record<string, unknown>) => {
    const { data } = hexId.safeParse(json.repository);
    if (!data) throw corrupt("config names no repository");
    return Buffer.from(data, "hex");
  };
  const json = openMacLine((json) => macKeyOf(deps.idKey, repositoryOf(json)), "config", bytes);
  const { data, error } = config.safeParse(json);
  if (json.format !== "LSR/1")
    throw notKnown(`the repository has format ${JSON.stringify(json.format)}, known here is "LSR/1"`);
  if (!data) throw corrupt(`config: ${z.prettifyError(error)}`);
  const missing = data.requires.filter((feature) => !knownFeatures.has(feature));
  if (missing.length > 0) throw notKnown(`the repository requires ${missing.join(", ")}, not known here`);
  if (data.chunkBytes !== limits.chunk)
    throw notKnown(`the repository has chunks of ${data.chunkBytes} bytes, known here are ${limits.chunk}`);
  const repositoryId = repositoryOf(json);
  return { ...deps, repositoryId, macKey: macKeyOf(deps.idKey, repositoryId), config: data };
}

const macKeyOf = (idKey: Uint8Array, repositoryId: Uint8Array) => deriveKey(idKey, repositoryId, "lsr1 mac");

const notKnown = (message: string): Fault =>
  new Fault("refused", message, { hint: "Use a newer release of Locum for this repository." });
