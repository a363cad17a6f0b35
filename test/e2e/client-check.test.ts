import { describe, expect, it, test } from "vitest";
import { type CheckResult, clientCheck } from "../servers/client-check.ts";
import { grpcCheck } from "../servers/grpc-check.ts";
import { peerMissing, peerNames } from "../servers/peer.ts";
import { tappedPeer } from "../servers/tapped-peer.ts";

const minutes = 60_000;

for (const name of peerNames) {
  const missing = peerMissing(name);
  if (missing) {
    test.skip(`client check of ${name}: ${missing}`, () => undefined);
    continue;
  }
  describe(`a client of ${name}`, () => {
    const at = tappedPeer(name);

    it(
      "sees through the tap what it sees directly, case by case",
      async () => {
        const check = async (url: string, grpc = new URL(url).host) => ({
          ...(await clientCheck(url, at.peer)),
          ...(at.peer.protocol !== "oip-v2-rest" ? {} : await grpcCheck(grpc, at.peer)),
        });
        const direct = await check(at.peer.url, at.peer.grpc);
        const tapped = await check(at.tap);
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
