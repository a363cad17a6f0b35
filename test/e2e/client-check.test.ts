import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type CheckResult, clientCheck } from "../servers/client-check.ts";
import { grpcCheck } from "../servers/grpc-check.ts";
import { type Peer, peerMissing, peerNames, startPeer } from "../servers/peer.ts";
import { serviceBeside } from "../servers/service-beside.ts";
import { type StartedSidecar, startSidecar } from "../sidecar/start-sidecar.ts";

const minutes = 60_000;

for (const name of peerNames) {
  const missing = peerMissing(name);
  if (missing) {
    test.skip(`client check of ${name}: ${missing}`, () => undefined);
    continue;
  }
  describe(`a client of ${name}`, () => {
    let dir: string;
    let peer: Peer;
    let sidecar: StartedSidecar;

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-client-check-"));
      peer = await startPeer(name);
      sidecar = await startSidecar(serviceBeside(peer, dir), "a", { stateDir: join(dir, "state") });
    }, 8 * minutes);
    afterAll(async () => {
      await sidecar?.close();
      await peer?.stop();
      await rm(dir, { recursive: true, force: true });
    }, 2 * minutes);

    it(
      "sees through the tap what it sees directly, case by case",
      async () => {
        const check = async (url: string, grpc = new URL(url).host) => ({
          ...(await clientCheck(url, peer)),
          ...(peer.protocol !== "oip-v2-rest" ? {} : await grpcCheck(grpc, peer)),
        });
        const direct = await check(peer.url, peer.grpc);
        const tapped = await check(sidecar.tap);
        expect(Object.keys(direct).length).toBeGreaterThan(15);
        expect(answered(direct)).toBeGreaterThan(5);
        expect(tapped).toEqual(direct);
      },
      5 * minutes,
    );
  });
}

/** Cases that a server answered with 200: a server that refuses all of them would prove nothing. */
const answered = (result: CheckResult): number =>
  Object.values(result).filter((one) => (one as { status?: number }).status === 200).length;
