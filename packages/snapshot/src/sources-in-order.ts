import { Fault, type Tree } from "@locum/contracts";
import type { Source } from "./source.ts";

/** A source that is opened when it is needed. `open` throws a Fault where it is not there or not fit for this tree. */
export type NamedSource = { name: string; open: () => Promise<Source> };

export type OrderedSource = Source & {
  /** Bytes that each source gave, by its name; without those that had none. */
  bytesFrom(): Record<string, number>;
  /** Why a source could not be opened, or failed last, by its name. */
  faults(): Record<string, Fault>;
};

/**
 * One source out of several, the cheapest first: each chunk comes from the first that has it. A source that cannot be
 * opened is not asked again; one that fails at a chunk is asked for the next, for one bad chunk says nothing of it.
 * @throws Fault snapshot-missing · snapshot-corrupt: what the first source that could be opened is, where none can
 */
export async function sourcesInOrder({
  tree,
  sources,
  onFault,
}: {
  tree: Tree;
  sources: readonly NamedSource[];
  /** Told of each source once. */
  onFault?: (name: string, fault: Fault) => void;
}): Promise<OrderedSource> {
  const opened = new Map<string, Promise<Source | undefined>>();
  const faults: Record<string, Fault> = {};
  const bytes: Record<string, number> = {};

  const failed = (name: string, error: unknown): undefined => {
    if (!(error instanceof Fault)) throw error;
    if (!faults[name]) onFault?.(name, error);
    faults[name] = error;
  };
  const open = (one: NamedSource): Promise<Source | undefined> => {
    const known = opened.get(one.name);
    if (known) return known;
    const opening = openFor(one, tree).catch((error: unknown) => failed(one.name, error));
    opened.set(one.name, opening);
    return opening;
  };
  const countsFor = (name: string, count: number): void => {
    bytes[name] = (bytes[name] ?? 0) + count;
  };

  let first: Source | undefined;
  for (const one of sources) {
    first = await open(one);
    if (first) break;
  }
  if (!first)
    throw Object.values(faults)[0] ?? new Fault("snapshot-missing", `there is no source of ${tree.digest}`);
  return {
    tree,
    ...localParts(first),
    bytesFrom: () => ({ ...bytes }),
    faults: () => ({ ...faults }),
    async readChunk(file, chunk, buffer) {
      let last: unknown;
      for (const one of sources) {
        const source = await open(one);
        if (!source) continue;
        try {
          const found = await source.readChunk(file, chunk, buffer);
          countsFor(one.name, found.length);
          return found;
        } catch (error) {
          failed(one.name, error);
          last = error;
        }
      }
      throw last;
    },
  };
}

/** A clone needs no reading: it is tried with the first source alone, and what fails is read chunk by chunk. */
const localParts = ({ localPath, modeOf }: Source): Pick<Source, "localPath" | "modeOf"> => ({
  ...(localPath && { localPath }),
  ...(modeOf && { modeOf }),
});

async function openFor({ open }: NamedSource, tree: Tree): Promise<Source> {
  const source = await open();
  if (source.tree.digest !== tree.digest)
    throw new Fault("snapshot-missing", `it holds ${source.tree.digest}, not ${tree.digest}`);
  return source;
}
