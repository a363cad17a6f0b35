import type { Tree, TreeFile } from "@locum/contracts";

/**
 * Where verified bytes of one tree come from: a twin on this disk today; a repository or a healthy peer are others.
 * Reads may be repeated and need no order.
 */
export type Source = {
  readonly tree: Tree;
  /**
   * The bytes of one chunk, already checked against its digest. They may lie in `buffer` (8 MiB or the file's size),
   * which the next call overwrites.
   * @throws Fault snapshot-corrupt | snapshot-missing | storage-failed
   */
  readChunk(file: TreeFile, chunk: number, buffer: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** A file on this machine that holds the bytes, where there is one: it may be cloned by copy on write. */
  localPath?(file: TreeFile): string | undefined;
  /** Permission bits that the file had when it was taken. */
  modeOf?(path: string): number | undefined;
};
