import { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import { choosePlan } from "../codec/choose-plan.ts";
import { codecId } from "../codec/codec-id.ts";
import { encodeChunk } from "../codec/encode-chunk.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { withLaterStanzas } from "../crypto/later-stanzas.ts";
import { limits } from "../limits.ts";
import type { Sealing } from "../pack/build-pack.ts";
import type { Entry } from "../pack/entries.ts";
import { parseHeader } from "../pack/header.ts";
import { createPackWriter } from "../pack/pack-writer.ts";
import { type OpenPack, readPackIndex, readRecord } from "../pack/read-pack.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { ParityChoice } from "./parity-block.ts";

/** The plain bytes of a chunk, from a twin, a peer, a live file, another pack. Checked here, so that it may lie. */
export type ChunkSource = (chunkId: Uint8Array) => Promise<Uint8Array | undefined>;

export type Salvage = Omit<Sealing, "hash"> & {
  /** Opens the records that are still good. Without it they can be saved only by a source that has their chunks. */
  opener?: KeyOpener;
  /** What the pack held, by an index: for a pack whose own trailer is lost. */
  entries?: readonly Entry[];
};

export type Salvaged = { packs: string[]; saved: number; lost: string[]; held: string[] };

type Input = {
  store: BlobStore;
  /** The pack, as `packPath` gives it. */
  name: string;
  hash: KeyedHash;
  sources: readonly ChunkSource[];
  salvage: Salvage;
  /** Beside the new packs. */
  parity: ParityChoice | undefined;
  /** What is thrown where nothing can be saved and nothing is known of the pack. */
  reason: Fault;
};

/**
 * Writes every chunk of a damaged pack that can be had into new packs, which are durable when it returns. `found`
 * are states of it: a record is good where any of them has it.
 * @throws Fault the `reason`: nobody knows which chunks there were, or not one was saved and some may still be readable
 */
export async function salvageChunks(found: readonly ByteSource[], input: Input): Promise<Salvaged> {
  const { store, hash, salvage, parity, reason } = input;
  const entries = await entriesOf(found, salvage, reason);
  const states: (OpenPack | undefined)[] = [];
  for (const pack of found) states.push(await openWith(pack, input, entries));
  const writer = createPackWriter({ ...salvage, hash, store, parity });
  const done: Omit<Salvaged, "packs"> = { saved: 0, lost: [], held: [] };
  const seen = new Set<string>();
  for (const [ordinal, entry] of entries.entries()) {
    const id = hexOf(entry.chunkId);
    if (seen.has(id)) continue;
    seen.add(id);
    const own = await readAny(states, ordinal, input);
    const plain = own === "held" || own === "lost" ? await askSources(entry.chunkId, input) : own;
    if (plain) {
      await writer.add({ chunkId: entry.chunkId, plainLength: plain.length, ...encodeAgain(plain, entry) });
      done.saved++;
    } else done[own === "held" ? "held" : "lost"].push(id);
  }
  if (done.saved === 0 && done.held.length > 0) throw reason;
  const { packs } = await writer.finish();
  return { packs, ...done };
}

async function entriesOf(
  packs: readonly ByteSource[],
  { idKey, entries }: Salvage,
  reason: Fault,
): Promise<readonly Entry[]> {
  if (entries) return entries;
  for (const pack of packs) {
    if (pack.size < limits.packRounding) continue;
    try {
      return (await readPackIndex(pack, idKey)).entries;
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  throw reason;
}

/** Needs the header, not the trailer. Undefined where the header is lost, of another id key, or not for this key. */
async function openWith(
  source: ByteSource,
  { store, name, salvage: { opener, idKey } }: Input,
  entries: readonly Entry[],
): Promise<OpenPack | undefined> {
  if (!opener) return undefined;
  try {
    const header = parseHeader(await source.read(0, Math.min(limits.header, source.size)), "LSRP");
    const keys = await withLaterStanzas(store, opener).open({ name, header, more: [] });
    if (Buffer.compare(keys.idKey, idKey) !== 0) return undefined;
    const recordKey = deriveKey(keys.fileKey, header.salt, "lsr1 record");
    return { header, source, idKey, recordKey, entries: [...entries] };
  } catch (error) {
    if (isDamage(error) || (error instanceof Fault && error.code === "not-authorised")) return undefined;
    throw error;
  }
}

type Own = Uint8Array | "lost" | "held";

async function readAny(
  states: readonly (OpenPack | undefined)[],
  ordinal: number,
  input: Input,
): Promise<Own> {
  let isHeld = false;
  for (const state of states) {
    const own = await readOwn(state, ordinal, input);
    if (own instanceof Uint8Array) return own;
    if (own === "held") isHeld = true;
  }
  return isHeld ? "held" : "lost";
}

/** The chunk from the damaged pack itself; `lost` where it is certainly not in there any more. */
async function readOwn(open: OpenPack | undefined, ordinal: number, { hash, sources }: Input): Promise<Own> {
  if (!open) return "held";
  const baseOf = async (chunkId: Uint8Array): Promise<Uint8Array> => {
    const base = await askSources(chunkId, { hash, sources, salvage: open });
    if (base) return base;
    throw new Fault("snapshot-missing", `the base ${hexOf(chunkId)} of a difference is in no known place`);
  };
  try {
    return await readRecord(open, ordinal, { hash, baseOf });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return error.code === "snapshot-corrupt" ? "lost" : "held";
  }
}

/** The first good answer. A source that fails is one that does not have it. */
async function askSources(
  chunkId: Uint8Array,
  { hash, sources, salvage }: Pick<Input, "hash" | "sources"> & { salvage: Pick<Salvage, "idKey"> },
): Promise<Uint8Array | undefined> {
  for (const source of sources) {
    const plain = await source(chunkId).catch((error: unknown) => {
      if (error instanceof Fault) return undefined;
      throw error;
    });
    if (plain && Buffer.compare(hash.keyed(salvage.idKey, plain), chunkId) === 0) return plain;
  }
  return undefined;
}

/** As it was encoded before, as far as the codec tells; a difference becomes a whole chunk. */
function encodeAgain(plain: Uint8Array, { codec }: Entry): { codec: number; bytes: Uint8Array } {
  const wasPlanes = codec === codecId.planes || codec === codecId.delta;
  return encodeChunk(plain, choosePlan([plain.subarray(0, 64 << 10)], wasPlanes ? "unknown" : "bytes"));
}

const isDamage = (error: unknown): boolean =>
  error instanceof Fault && ["snapshot-corrupt", "storage-failed"].includes(error.code);

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
