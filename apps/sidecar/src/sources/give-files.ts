import type { Server } from "node:https";
import type { Clock, Log } from "@locum/runtime";
import { createPace, systemClock } from "@locum/snapshot";
import type { SidecarConfig } from "../config.ts";
import type { Instance } from "../instance.ts";
import type { ReleaseShelf } from "../release-shelf.ts";
import { createGivingGate } from "./giving-gate.ts";
import { createFilesServer, type PeerTls } from "./serve-files.ts";

/** The server from which peers read this instance's files; null where it gives none. Not yet listening. */
export function giveFiles({
  config: { service, instance: own, listen },
  peerTls,
  shelf,
  instance,
  clock,
  log,
}: {
  config: SidecarConfig;
  peerTls: PeerTls | undefined;
  shelf: Pick<ReleaseShelf, "approved">;
  instance: Pick<Instance, "bytes" | "p99Ms">;
  clock: Clock;
  log: Log;
}): Server | null {
  const { peers } = service.snapshot;
  if (listen.files === null || !peers || !peerTls || own.modelDir === undefined) return null;
  return createFilesServer({
    tls: peerTls,
    dir: own.modelDir,
    live: () => instance.bytes()?.live() ?? null,
    isApproved: (tree) => shelf.approved().some(({ body }) => body.tree?.digest === tree),
    gate: createGivingGate({ p99Ms: instance.p99Ms, pauseAbove: peers.pauseAbove, clock }),
    pace: createPace({ bytesPerSecond: peers.bytesPerSecond, clock: systemClock }),
    log,
  });
}
