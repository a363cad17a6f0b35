import type { Repository } from "./repository.ts";

/** The announcement that a pack will be deleted: an empty file, whose time is the storage's. */
export const markPath = (pack: string): string => `garbage/${pack}`;

/** Every announced pack, and when by the storage's clock. */
export async function listGarbage({ store }: Pick<Repository, "store">): Promise<Map<string, number>> {
  const marks = new Map<string, number>();
  for await (const { name, modifiedMs } of store.list("garbage/")) {
    const pack = /^garbage\/([0-9a-f]{64})$/.exec(name)?.[1];
    if (pack) marks.set(pack, modifiedMs);
  }
  return marks;
}
