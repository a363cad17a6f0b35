import type { Server } from "node:https";
import { type Clock, checkCertificate, followCertificate, type Log } from "@locum/runtime";
import type { SidecarConfig } from "../config.ts";
import type { PeerTls } from "./serve-files.ts";

/**
 * Shows peers the certificate of now, for as long as the sidecar runs: whoever made it renews it. The authority stays; a
 * new one is a new start.
 */
export async function followPeerTls({
  config,
  peerTls,
  server,
  signal,
  clock,
  log,
}: {
  config: SidecarConfig;
  /** Changed in place: connections that are opened from then on, to peers too, show what is in it. */
  peerTls: PeerTls | undefined;
  server: Pick<Server, "setSecureContext"> | null;
  signal: AbortSignal;
  clock: Clock;
  log: Log;
}): Promise<void> {
  const files = config.service.snapshot.peers;
  if (!files || !peerTls) return;
  await followCertificate({
    files,
    use(pem) {
      checkCertificate(pem);
      Object.assign(peerTls, pem);
      server?.setSecureContext(peerTls);
    },
    signal,
    clock,
    log,
  });
}
