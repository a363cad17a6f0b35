import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type StartedSidecar, startSidecar } from "../sidecar/start-sidecar.ts";
import { type Peer, type PeerName, startPeer } from "./peer.ts";
import { serviceBeside } from "./service-beside.ts";

const minutes = 60_000;

/** A real server with a tap beside it, for the tests of one suite. */
export function tappedPeer(name: PeerName, { env = {} }: { env?: Record<string, string> } = {}) {
  const held: { dir?: string; peer?: Peer; sidecar?: StartedSidecar } = {};
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), `locum-tapped-${name}-`));
    held.dir = dir;
    held.peer = await startPeer(name, { env });
    held.sidecar = await startSidecar(serviceBeside(held.peer, dir), "a", { stateDir: join(dir, "state") });
  }, 8 * minutes);
  afterAll(async () => {
    await held.sidecar?.close();
    await held.peer?.stop();
    if (held.dir) await rm(held.dir, { recursive: true, force: true });
  }, 2 * minutes);
  const started = <T>(it: T | undefined): T => {
    if (it === undefined) throw new Error(`${name} is not started`);
    return it;
  };
  return {
    get peer() {
      return started(held.peer);
    },
    get tap() {
      return started(held.sidecar).tap;
    },
  };
}
