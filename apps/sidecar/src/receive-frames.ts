import type { CollectorFrame, Policy } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { KeptPolicy } from "./adapters/identity.ts";
import { openPolicy } from "./adapters/policy-seal.ts";
import type { SpoolPump } from "./adapters/spool-pump.ts";
import type { Drive } from "./drive.ts";
import type { PeerBook } from "./peers.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import type { Witnessing } from "./witnessing.ts";

type Frame = CollectorFrame;
type Ports = {
  drive: Drive;
  peers: PeerBook;
  shelf: ReleaseShelf;
  pump: SpoolPump;
  witnessing: Witnessing;
  kept: KeptPolicy | null;
  keep: (policy: KeptPolicy) => Promise<void>;
  onReleases: () => void;
  /** Other peers than before, perhaps: they are asked at once. */
  onPeers: () => void;
  clock: Clock;
  log: Log;
};

export type FrameReceiver = {
  receive(frame: Frame): void;
  /** What was in force when this process ended last. */
  resume(): void;
};

/** What the collector says, handed to whom it concerns. What does not verify is named in the log and left out. */
export function receiveFrames({
  drive,
  peers,
  shelf,
  pump,
  witnessing,
  keep,
  onReleases,
  onPeers,
  clock,
  log,
  ...ports
}: Ports): FrameReceiver {
  let kept = ports.kept;
  const put = (policy: Policy): void => {
    peers.know(policy.peers, clock.monotonicMs());
    onPeers();
    drive.put({ kind: "policy", policy });
  };
  const save = (next: KeptPolicy): void => {
    kept = next;
    void keep(next).catch((error: unknown) => log("warn", "the policy is not on disk", { error }));
  };
  const receivers: { [K in Frame["kind"]]: (frame: Extract<Frame, { kind: K }>) => void } = {
    welcome({ policyKey, logKey }) {
      witnessing.meet(logKey);
      drive.put({ kind: "heard" });
      if (kept === null) return save({ policyKey, signed: null });
      if (kept.policyKey !== policyKey)
        log("error", "another key signs policies now: they are not followed", {
          reason: "remove policy.json in the state folder if the collector was set up anew",
        });
    },
    ack: ({ seq: _seq, ...ack }) => drive.put(ack),
    command({ command }) {
      drive.put({ kind: "heard" });
      drive.put({ kind: "command", command });
    },
    policy({ signed }) {
      drive.put({ kind: "heard" });
      const policy = kept && openPolicy(signed, kept.policyKey);
      if (!kept || !policy) return log("error", "a policy does not verify", { seq: signed.policy.number });
      if (policy.number < (drive.state().policy?.number ?? 0)) return;
      put(policy);
      save({ ...kept, signed });
    },
    release({ release }) {
      drive.put({ kind: "heard" });
      shelf
        .put(release)
        .then((added) => added && onReleases())
        .catch((error: unknown) => log("error", "a release is not used", { digest: release.digest, error }));
    },
    recorded: ({ seq }) => pump.recorded(seq),
    witness: ({ request }) => witnessing.ask(request),
  };
  return {
    receive: (frame) => (receivers[frame.kind] as (frame: Frame) => void)(frame),
    resume() {
      const policy = kept?.signed && openPolicy(kept.signed, kept.policyKey);
      if (policy) put(policy);
    },
  };
}
