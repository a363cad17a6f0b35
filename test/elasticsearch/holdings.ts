import { type Account, accountOf } from "./account.ts";
import { type DataStream, rollOver, type Store, type StoredDocument, sourceOf } from "./data-streams.ts";
import type { Source } from "./mapping.ts";
import type { Block } from "./mishap.ts";

export type Document = {
  id: string;
  index: string;
  stream: string;
  seq: number | undefined;
  hash: string | undefined;
  source: Source;
};

/** What the double holds, and what somebody with all rights could do to it. `of` is the name of one stream. */
export type Holdings = {
  /** In the order of their numbers. */
  documents(of?: string): Document[];
  /** What the failure stores hold. */
  failures(of?: string): Document[];
  /** Which of these ids are lost and which are there twice, and what else is there. */
  account(ids: Iterable<string>, of?: string): Account;
  /** A new write index. */
  rollover(of?: string): void;
  /** Of all indices; only the one that is written to matters. */
  block(block: Block, of?: string): void;
  /** Puts another content in a document's place. */
  tamper(id: string, change: (source: Source) => Source): boolean;
  /** Takes documents away, and says how many. */
  remove(isGone: (id: string) => boolean): number;
};

export function holdingsOf(store: Store): Holdings {
  const streams = (of?: string): DataStream[] =>
    [...store.streams.values()].filter(({ name }) => of === undefined || name === of);
  const indices = (of?: string) => streams(of).flatMap((stream) => stream.indices);
  const told = (one: StoredDocument, stream: string, index: string): Document => ({
    id: one.id,
    seq: one.seq,
    hash: one.hash,
    source: sourceOf(one),
    stream,
    index,
  });
  return {
    documents: (of) =>
      streams(of)
        .flatMap((stream) =>
          stream.indices.flatMap((index) =>
            [...index.documents.values()].map((one) => told(one, stream.name, index.name)),
          ),
        )
        .sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0)),
    failures: (of) =>
      streams(of).flatMap(({ name, failures }) =>
        failures.map((one) => told(one, name, `.fs-${name}-000001`)),
      ),
    account: (ids, of) => accountOf(ids, streams(of)),
    rollover(of) {
      for (const stream of streams(of)) rollOver(store, stream);
    },
    block(block, of) {
      for (const index of indices(of)) index.block = block;
    },
    tamper(id, change) {
      const found = indices().flatMap((index) => index.documents.get(id) ?? []);
      for (const document of found) {
        document.source = change(sourceOf(document));
        document.hash = (document.source.event as { hash?: string } | undefined)?.hash;
      }
      return found.length > 0;
    },
    remove(isGone) {
      let count = 0;
      for (const index of indices()) {
        const gone = [...index.documents.keys()].filter(isGone);
        for (const id of gone) index.documents.delete(id);
        index.bySeq = index.bySeq.filter(({ id }) => index.documents.has(id));
        count += gone.length;
      }
      return count;
    },
  };
}
