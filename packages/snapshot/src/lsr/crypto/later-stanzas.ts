import { Fault } from "@locum/contracts";
import { limits } from "../limits.ts";
import { type Header, parseHeader, type Stanza } from "../pack/header.ts";
import { type Blob, type BlobStore, readBlob } from "../store/blob-store.ts";
import type { KeyOpener } from "./key-opener.ts";

/** Whoever can write to the storage shall not make a reader open thousands. */
const filesMax = 64;

export type LaterStanzas = {
  stanzas: Stanza[];
  /** Of the highest file; the next one takes the number after it. */
  number: bigint;
};

/**
 * What rotation published beside a pack or a manifest: headers with the same salt and other stanzas, from the highest
 * number down. A file that is another's, or none, is passed over. `listed` saves the listing.
 */
export async function readLaterStanzas(
  store: BlobStore,
  {
    name,
    header,
    listed,
    max = filesMax,
  }: { name: string; header: Header; listed?: Iterable<Blob>; max?: number },
): Promise<LaterStanzas> {
  const found: { number: bigint; name: string }[] = [];
  const beside = name.slice(0, name.lastIndexOf(".") + 1);
  for await (const blob of listed ?? store.list(beside)) {
    const number = /^([0-9a-f]{16})\.wk$/.exec(blob.name.slice(beside.length))?.[1];
    if (number !== undefined && blob.name.startsWith(beside))
      found.push({ name: blob.name, number: BigInt(`0x${number}`) });
  }
  found.sort((a, b) => (a.number < b.number ? 1 : -1));
  const stanzas: Stanza[] = [];
  for (const { name } of found.slice(0, max)) stanzas.push(...(await stanzasOf(store, name, header)));
  return { stanzas, number: found[0]?.number ?? 0n };
}

export const laterStanzasPath = (name: string, number: bigint): string =>
  `${name.slice(0, name.lastIndexOf("."))}.${number.toString(16).padStart(16, "0")}.wk`;

/** Looks beside a file only where its own stanzas are for others: without rotation nothing more is read. */
export const withLaterStanzas = (store: BlobStore, opener: KeyOpener): KeyOpener => ({
  async open(file) {
    try {
      return await opener.open(file);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "not-authorised") throw error;
      const { stanzas } = await readLaterStanzas(store, file);
      if (stanzas.length === 0) throw error;
      return opener.open({ ...file, more: [...file.more, ...stanzas] });
    }
  },
});

async function stanzasOf(store: BlobStore, name: string, file: Header): Promise<Stanza[]> {
  try {
    const header = parseHeader(await readBlob(store, name, limits.header), file.magic);
    const isSame = (["repositoryId", "salt", "commitment"] as const).every(
      (part) => Buffer.compare(header[part], file[part]) === 0,
    );
    return isSame ? header.stanzas : [];
  } catch (error) {
    if (error instanceof Fault && ["snapshot-missing", "snapshot-corrupt"].includes(error.code)) return [];
    throw error;
  }
}
