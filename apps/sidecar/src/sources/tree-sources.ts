import type { Agent } from "node:https";
import type { Digest, Release, Tree } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import {
  listTwins,
  liveSource,
  type NamedSource,
  type OrderedSource,
  openTwin,
  peerSource,
  readAhead,
  sourcesInOrder,
} from "@locum/snapshot";
import { sparePlaces } from "../spare-keeper.ts";
import { askPeer, peerAgent } from "./ask-peer.ts";
import type { PeerTls } from "./serve-files.ts";
import type { SnapshotReader } from "./snapshot-reader.ts";

export type OpenSources = OrderedSource & { close(): Promise<void> };

export type TreeSources = {
  /** Releases that could be put back from elsewhere than the twins beside the files. */
  restorable(): Digest[];
  /** Asks the repository and the spare folder what they hold; peers say it by themselves. */
  refresh(): Promise<void>;
  /**
   * Where the bytes of a release's tree come from: its twin, what is right of the live files, the spare copy, healthy
   * peers, the repository; each chunk from the first that has it right.
   * @throws Fault as `sourcesInOrder` does
   */
  open(release: Digest, tree: Tree, options?: { without?: readonly string[] }): Promise<OpenSources>;
};

/** Everything that holds the files of an instance's releases. */
export function createTreeSources({
  dir,
  spareDir,
  peerTls,
  holders,
  snapshots,
  releases,
  clock,
  log,
}: {
  dir: string;
  spareDir: string | undefined;
  /** Undefined where peers give each other nothing. */
  peerTls: PeerTls | undefined;
  /** Peers that are fit and say that their live files are that tree. */
  holders: (tree: Digest) => readonly { id: string; files: string }[];
  /** Null where there is no repository. */
  snapshots: SnapshotReader | null;
  releases: () => readonly Release[];
  clock: Clock;
  log: Log;
}): TreeSources {
  let spares: ReadonlySet<Digest> = new Set();
  let kept: ReadonlySet<Digest> = new Set();
  const twinRoot = spareDir === undefined ? undefined : sparePlaces(spareDir).twinRoot;

  const sourcesOf = (release: Digest, tree: Tree, ends: (() => unknown)[]): NamedSource[] => {
    const { digest } = tree;
    const found: NamedSource[] = [
      { name: "twin", open: async () => (await openTwin({ dir, digest, verify: "names" })).source },
      { name: "live files", open: async () => liveSource({ dir, tree }) },
    ];
    if (twinRoot !== undefined)
      found.push({
        name: "spare copy",
        open: async () => (await openTwin({ dir, twinRoot, digest, verify: "names" })).source,
      });
    const peers = holders(digest);
    if (peerTls && peers.length > 0)
      found.push({
        name: "peers",
        async open() {
          const agent: Agent = peerAgent(peerTls);
          ends.push(() => agent.destroy());
          const asked = peers.map(({ id, files }) => askPeer({ name: id, url: files, tree: digest, agent }));
          const onDropped = (peer: string, reason: string) =>
            log("warn", "a peer is no source of this restore any more", { peer, reason });
          return readAhead(peerSource({ tree, peers: asked, clock, onDropped }));
        },
      });
    if (snapshots)
      found.push({
        name: "repository",
        async open() {
          const source = await snapshots.open(release, tree);
          ends.push(source.close);
          return readAhead(source, { chunks: 2 });
        },
      });
    return found;
  };

  return {
    restorable: () =>
      releases()
        .filter(
          ({ digest, body: { tree } }) =>
            tree &&
            (kept.has(digest) || spares.has(tree.digest) || (peerTls && holders(tree.digest).length > 0)),
        )
        .map(({ digest }) => digest),
    async refresh() {
      if (twinRoot !== undefined) spares = new Set(await listTwins({ dir, twinRoot }).catch(() => []));
      if (!snapshots) return;
      const approved = releases().flatMap(({ digest, body }) => (body.tree ? [digest] : []));
      kept = new Set(await snapshots.releases(approved));
    },
    async open(release, tree, { without = [] } = {}) {
      const ends: (() => unknown)[] = [];
      const close = async (): Promise<void> => {
        for (const end of ends) await end();
      };
      const sources = sourcesOf(release, tree, ends).filter(({ name }) => !without.includes(name));
      try {
        const source = await sourcesInOrder({
          tree,
          sources,
          onFault(name, error) {
            // What is not there is no news; what should be and is not right is.
            if (error.code !== "snapshot-missing")
              log("warn", "a source failed in a restore", { source: name, error });
          },
        });
        return { ...source, close };
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}
