import { type ByteSource, partsSource } from "../byte-source.ts";
import { codecId } from "../codec/codec-id.ts";
import { decodeChunk } from "../codec/decode-chunk.ts";
import { corrupt } from "../corrupt.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { tagBytes, unseal } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { footerBytes, footerMagic, type Pack, type PackRecord, trailerOrdinal } from "./build-pack.ts";
import { type Entry, parseEntries } from "./entries.ts";
import { type Header, parseHeader } from "./header.ts";

/** What a pack holds: readable with the id key alone, so by writers too. */
export type PackIndex = { header: Header; entries: Entry[] };

/** A pack that can be read: its file key was opened. */
export type OpenPack = PackIndex & { source: ByteSource; recordKey: Uint8Array; idKey: Uint8Array };

/** The plain bytes of a delta's base, from wherever they are. */
export type BaseOf = (chunkId: Uint8Array) => Promise<Uint8Array>;

/** @throws Fault snapshot-corrupt */
export async function readPackIndex(source: ByteSource, idKey: Uint8Array): Promise<PackIndex> {
  return indexOf(source, await readHeader(source), idKey);
}

/** @throws Fault snapshot-corrupt · not-authorised: the pack is not sealed for this key */
export async function openPack(
  source: ByteSource,
  { name, opener }: { name: string; opener: KeyOpener },
): Promise<OpenPack> {
  const header = await readHeader(source);
  const { fileKey, idKey } = await opener.open({ name, header, more: [] });
  const { entries } = await indexOf(source, header, idKey);
  return { header, entries, source, idKey, recordKey: deriveKey(fileKey, header.salt, "lsr1 record") };
}

/** A pack that was just built, read from the very bytes that will be written. @throws Fault snapshot-corrupt */
export async function openBuilt({
  parts,
  recordKey,
  idKey,
}: Pick<Pack, "parts" | "recordKey" | "idKey">): Promise<OpenPack> {
  const source = partsSource(parts);
  return { ...(await readPackIndex(source, idKey)), source, recordKey, idKey };
}

/** The chunk of record `ordinal`, checked against its id. @throws Fault snapshot-corrupt */
export async function readRecord(
  pack: OpenPack,
  ordinal: number,
  { hash, baseOf }: { hash: KeyedHash; baseOf?: BaseOf },
): Promise<Uint8Array> {
  const { chunkId, codec, plainLength, base, bytes } = await readEncoded(pack, ordinal);
  const baseBytes = base && (await baseOf?.(base));
  const plain = decodeChunk({ codec, bytes, length: plainLength, ...(baseBytes && { base: baseBytes }) });
  if (Buffer.compare(hash.keyed(pack.idKey, plain), chunkId) !== 0)
    throw corrupt(`the chunk of record ${ordinal} is not the one that its id names`);
  return plain;
}

/** The record as its writer encoded it, to be sealed into another pack. @throws Fault snapshot-corrupt */
export async function readEncoded(pack: OpenPack, ordinal: number): Promise<PackRecord> {
  const { header, source, recordKey } = pack;
  const entry = pack.entries[ordinal];
  if (!entry) throw corrupt(`record ${ordinal} of a pack with ${pack.entries.length}`);
  const { chunkId, codec, plainLength, base } = entry;
  const sealed = await source.read(entry.offset, entry.length + tagBytes);
  const place = { ...contextOf(header), ordinal: BigInt(ordinal), codec, plainLength };
  const bytes = unseal(recordKey, sealed, { ...place, ...(base && { bound: base }) });
  return { chunkId, codec, bytes, plainLength, ...(base && { base }) };
}

const contextOf = ({ magic, repositoryId, salt }: Header) => ({ magic, repositoryId, salt });

async function readHeader(source: ByteSource): Promise<Header> {
  if (source.size > limits.pack) throw corrupt(`a pack of ${source.size} bytes, at most ${limits.pack}`);
  return parseHeader(await source.read(0, Math.min(limits.header, source.size)), "LSRP");
}

async function indexOf(source: ByteSource, header: Header, idKey: Uint8Array): Promise<PackIndex> {
  const end = source.size - footerBytes;
  const footer = Buffer.from(await source.read(end, footerBytes));
  if (footer.toString("latin1", 4) !== footerMagic) throw corrupt("the pack has no end");
  const length = footer.readUInt32LE();
  if (length > limits.trailer || length < tagBytes || length > end - header.length)
    throw corrupt(`a trailer of ${length} bytes`);
  const place = { ...contextOf(header), ordinal: trailerOrdinal, codec: codecId.sealed };
  const sealed = await source.read(end - length, length);
  const plainLength = length - tagBytes;
  const plain = unseal(deriveKey(idKey, header.salt, "lsr1 trailer"), sealed, { ...place, plainLength });
  return { header, entries: parseEntries(plain, { start: header.length, end: end - length }).entries };
}
