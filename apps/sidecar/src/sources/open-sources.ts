import type { AppDeps } from "../app.ts";
import type { PeerBook } from "../peers.ts";
import type { ReleaseShelf } from "../release-shelf.ts";
import { createSnapshotReader } from "./snapshot-reader.ts";
import { createTreeSources, type TreeSources } from "./tree-sources.ts";

/** The sources that the service file names. */
export function openSources(
  { config, peerTls, token, collectorCa, env, clock, random, log }: AppDeps,
  { peers, releases }: { peers: PeerBook; releases: ReleaseShelf["approved"] },
): TreeSources | null {
  const { service, instance, collector } = config;
  const { modelDir: dir } = instance;
  if (dir === undefined) return null;
  const { repository: wanted, spareDir } = service.snapshot;
  // Instances of one volume have the same files, and lose them together.
  const sharing = new Set(
    service.instances.flatMap(({ id, volume }) =>
      volume !== undefined && volume === instance.volume ? [id] : [],
    ),
  );
  const keys = collector && {
    ...{ url: collector.url, token, ca: collectorCa },
    ...{ service: service.service, instance: instance.id, clock, random },
  };
  return createTreeSources({
    dir,
    spareDir,
    peerTls,
    holders: (tree) => peers.holders(tree, clock.monotonicMs()).filter(({ id }) => !sharing.has(id)),
    snapshots: wanted
      ? createSnapshotReader({ wanted, service: service.service, keys, env, wallMs: clock.wallMs })
      : null,
    releases,
    clock,
    log,
  });
}
