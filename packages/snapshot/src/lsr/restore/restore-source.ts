/**
 * A chunk's bytes, or undefined where the source does not have it. Never believed: whoever asks compares them with the
 * chunk's id. May be asked for several chunks at once, and for one twice. @throws Fault: it cannot tell now
 */
export type ChunkSource = (chunkId: Uint8Array, plainLength: number) => Promise<Uint8Array | undefined>;

/** Where a restore gets chunks: live files, a twin, a peer, the repository. */
export type RestoreSource = {
  /** In plans and reports; no two alike. */
  name: string;
  read: ChunkSource;
  /** Whether it has the chunk, as far as that is known without reading it. Without this, only asking tells. */
  has?(chunkId: Uint8Array): boolean;
  /**
   * What other bytes than the asked ones mean. `drop` (the default): it lies, and is not asked again. `skip`: its
   * bytes may change at any time, as live files do, so this chunk comes from elsewhere.
   */
  onOtherBytes?: "drop" | "skip";
  /** What it gives was compared with the chunk's id in this process already, as `openChunks` does: once is enough. */
  isChecked?: boolean;
  /** Takes back the memory of what `read` gave, from who has written it elsewhere; it is used again then. */
  give?(bytes: Uint8Array): void;
};
