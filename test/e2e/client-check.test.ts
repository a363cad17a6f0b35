import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServiceFile } from "@locum/contracts";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { type CheckResult, clientCheck } from "../servers/client-check.ts";
import { type Peer, peerMissing, peerNames, startPeer } from "../servers/peer.ts";
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
        const direct = await clientCheck(peer.url, peer);
        const tapped = await clientCheck(sidecar.tap, peer);
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

function serviceBeside(peer: Peer, dir: string) {
  const { url, protocol, grpc, management } = peer;
  const text = JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    instances: [{ id: "a", url, protocol, grpc, management }],
  });
  const parsed = parseServiceFile(text, { file: join(dir, "locum.yaml") });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}
