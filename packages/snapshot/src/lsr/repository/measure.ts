import type { BlobStore } from "../store/blob-store.ts";

export type Usage = {
  packs: { count: number; bytes: number };
  snapshots: { count: number; bytes: number };
  /** Index, parity, refs, intents, leases, drafts. */
  others: { count: number; bytes: number };
  bytes: number;
};

/** What a repository takes, by one listing: the figure that a quota is held against. Needs no key. */
export async function measureRepository({ store }: { store: BlobStore }): Promise<Usage> {
  const usage = { packs: empty(), snapshots: empty(), others: empty(), bytes: 0 };
  for await (const { name, bytes } of store.list("")) {
    const part = name.endsWith(".pk") ? "packs" : name.endsWith(".sn") ? "snapshots" : "others";
    usage[part].count++;
    usage[part].bytes += bytes;
    usage.bytes += bytes;
  }
  return usage;
}

const empty = () => ({ count: 0, bytes: 0 });
