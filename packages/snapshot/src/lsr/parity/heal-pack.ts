import { Fault } from "@locum/contracts";
import { type ByteSource, bytesSource, partsSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { isPackIntact } from "../pack/is-pack-intact.ts";
import { type BlobStore, blobSource } from "../store/blob-store.ts";
import { type Damage, findParityDamage, isWhole } from "./find-damage.ts";
import { isAsNamed } from "./is-as-named.ts";
import { parityBlockBytes, parityChoice } from "./parity-block.ts";
import { parityPath } from "./parity-path.ts";
import { type Parity, parseParity } from "./parse-parity.ts";
import { publishRepaired, readStaged } from "./publish-repaired.ts";
import { type Repair, repairStripes, tooMuchLost } from "./repair-pack.ts";
import { type ChunkSource, type Salvage, salvageChunks } from "./salvage-chunks.ts";
import { setAside } from "./set-aside.ts";
import { writeParity } from "./write-parity.ts";

export type HealInput = {
  store: BlobStore;
  /** As `packPath` gives it. */
  name: string;
  hash: KeyedHash;
  /** Asked in this order for chunks that neither parity nor the private key gives back. */
  sources?: readonly ChunkSource[];
  /** What a pack that takes the place of this one is written with; without it, only parity is tried. */
  salvage?: Salvage;
  /** As the repository's config has it: how parity is written again. No parity is written where m is 0. */
  parity?: readonly [k: number, m: number];
  /** Runs before each removal; what it throws ends the run. The place to see whether the lease is still held. */
  beforeRemove?: () => Promise<void>;
};

export type Healed =
  /** `parity` is true where its file was made again. `damage` is unknown where an earlier run had repaired it. */
  | { kind: "intact"; parity: boolean }
  | { kind: "repaired"; damage: Damage | undefined; parity: boolean }
  /**
   * Not byte for byte. The chunks that could be saved are in other packs now. `lost` are in no known place. `held`
   * may still be readable, but by a key that is not here: while there are any, or where the storage does not read all
   * of it, the damaged pack stays where it is (`isAside` false); else it lies under `damaged/` and is no pack any more.
   * Chunks in hex.
   */
  | { kind: "replaced"; packs: string[]; saved: number; lost: string[]; held: string[]; isAside: boolean };

/** `reads.failed` once the storage did not read some bytes, if only for a moment. */
type Run = HealInput & { reads: { failed: boolean } };

/**
 * Makes a damaged pack whole from its parity, else saves its chunks. Whoever calls it holds the lease of the collector of
 * garbage, as `healPacks` does. After a stop at any point the same call finishes it; `unfinishedHeals` names the packs that wait for that.
 * @throws Fault snapshot-corrupt: too much is lost and nothing could be saved; nothing was changed · snapshot-missing ·
 *   disk-full · storage-failed · refused · upstream-unreachable
 */
export async function healPack(options: HealInput): Promise<Healed> {
  const { store, name, hash } = options;
  const input: Run = { ...options, reads: { failed: false } };
  const packId = idOf(name);
  const bytes = await store.size(name);
  const pack = bytes === undefined ? bytesSource(new Uint8Array()) : watchedSource(input, name, bytes);
  const parity = await openParity(input, packId);
  if (parity && (await isAsNamed(pack, parity, { packId, hash }))) {
    await publishRepaired(input, packId);
    return { kind: "intact", parity: await healParity(input, packId, pack) };
  }
  const repair = parity && (await repairStripes(pack, parity, hash));
  const isRepaired = repair?.lost.length === 0 && hexOf(digestOf(hash, repair.parts)) === packId;
  if (isRepaired ? isWhole(repair.damage) : await isIntact(pack, packId, hash)) {
    await publishRepaired(input, packId);
    // Hashes that do not fit the whole pack are those of other bytes.
    const isWrong = repair !== undefined && !isRepaired && !input.reads.failed;
    return { kind: "intact", parity: await healParity(input, packId, pack, isWrong) };
  }
  const parts = isRepaired ? repair.parts : await readStaged(input, packId);
  if (parts) {
    await publishRepaired(input, packId, parts);
    const damage = isRepaired ? repair.damage : undefined;
    return { kind: "repaired", damage, parity: await healParity(input, packId, partsSource(parts)) };
  }
  if (bytes === undefined && !input.salvage?.entries)
    throw new Fault("snapshot-missing", `${name} is not in the repository, and nothing says what it held`);
  return replace(input, { packId, pack, parity, repair });
}

async function replace(
  input: Run,
  {
    packId,
    pack,
    parity,
    repair,
  }: { packId: string; pack: ByteSource; parity: Parity | undefined; repair: Repair | undefined },
): Promise<Healed> {
  const { salvage, sources = [], store, name, hash } = input;
  const reason =
    parity && repair && repair.lost.length > 0
      ? tooMuchLost(parity, repair.lost)
      : corrupt(`pack ${packId} is damaged and has no parity that helps`);
  if (!salvage) throw reason;
  // The pack as it was found too: parity that is not what it should be makes good blocks wrong.
  const states = repair ? [partsSource(repair.parts), pack] : [pack];
  const result = await salvageChunks(states, {
    store,
    name,
    hash,
    sources,
    salvage,
    reason,
    parity: parityChoice(input.parity ?? [16, 1]),
  });
  // What did not read may read later: then nothing is given up, neither of the pack nor of what parity might give back.
  if (input.reads.failed) result.held.push(...result.lost.splice(0));
  const isSettled = !input.reads.failed && result.held.length === 0;
  const isAside = isSettled && (await setAside(input, packId, pack));
  return { kind: "replaced", ...result, isAside };
}

/** Writes parity again where its file is missing, or wrong, or any of it is damaged. Says whether it did. */
async function healParity(input: Run, packId: string, pack: ByteSource, isWrong = false): Promise<boolean> {
  const { store, hash, parity = [16, 1], beforeRemove } = input;
  const found = await openParity(input, packId);
  if (found && !isWrong && (await findParityDamage(found, hash)).length === 0) return false;
  const choice = parityChoice(parity);
  if (!choice) return false;
  if ((await store.size(parityPath(packId))) !== undefined) {
    await beforeRemove?.();
    await store.remove(parityPath(packId));
  }
  const blockBytes = parityBlockBytes(pack.size, choice.k);
  await writeParity(pack, { store, packId, hash, ...choice, blockBytes });
  return true;
}

async function openParity(input: Run, packId: string): Promise<Parity | undefined> {
  const { store, hash } = input;
  const name = parityPath(packId);
  const bytes = await store.size(name);
  if (bytes === undefined) return undefined;
  try {
    const parity = await parseParity(watchedSource(input, name, bytes), hash);
    return parity.packId === packId ? parity : undefined;
  } catch (error) {
    return ifDamaged(error);
  }
}

function watchedSource({ store, reads }: Run, name: string, bytes: number): ByteSource {
  const source = blobSource(store, { name, bytes });
  return {
    ...source,
    async read(position, length, room) {
      try {
        return await source.read(position, length, room);
      } catch (error) {
        if (error instanceof Fault && error.code === "storage-failed") reads.failed = true;
        throw error;
      }
    },
  };
}

async function isIntact(pack: ByteSource, packId: string, hash: KeyedHash): Promise<boolean> {
  try {
    return await isPackIntact(pack, packId, hash);
  } catch (error) {
    return ifDamaged(error) ?? false;
  }
}

/** Bytes that are wrong or cannot be read are damage; a storage that does not answer is not. */
function ifDamaged(error: unknown): undefined {
  if (
    error instanceof Fault &&
    ["storage-failed", "snapshot-corrupt", "snapshot-missing"].includes(error.code)
  )
    return undefined;
  throw error;
}

function idOf(name: string): string {
  const id = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.pk$/.exec(name)?.[2];
  if (!id) throw corrupt(`${JSON.stringify(name)} is not the name of a pack`);
  return id;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
