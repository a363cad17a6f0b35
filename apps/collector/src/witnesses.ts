import type { WitnessAnswer } from "@locum/contracts";
import type { ReadyView } from "@locum/contracts/client";
import type { Log } from "@locum/runtime";
import type { Session } from "./adapters/stream-session.ts";
import type { AuditProofs } from "./audit-port.ts";
import { createWitnessSeat, type SeatState, type WitnessSeat } from "./witness-seat.ts";

export type WitnessView = {
  connected: number;
  /** Have cosigned the newest checkpoint. */
  cosigned: number;
  /** Proved that they saw another history than the log has now. */
  refusing: string[];
  /** Say so without a proof, know another key of the log, or sign something else. */
  doubting: string[];
};

export type Witnesses = {
  connected(session: Session, key: string | undefined): void;
  disconnected(session: Session): void;
  answered(session: Session, answer: WitnessAnswer): void;
  view(): WitnessView;
  problems(): ReadyView["problems"];
  close(): void;
};

/**
 * Shows each new checkpoint to every sidecar, with the proof that it begins with what that one saw. An alarm counts
 * when it is proven: a witness gives the checkpoint that the log itself signed, and its root is not that of the log.
 */
export function createWitnesses({ proofs, say }: { proofs: AuditProofs | null; say: Log }): Witnesses {
  const seats = new Map<Session, WitnessSeat>();
  let newest: { note: string; size: number } | undefined;
  /** Most witnesses stand at the same size: one proof serves them. */
  const known = new Map<number, Promise<string[]>>();

  const stop = proofs?.onCheckpoint((note, size) => {
    newest = { note, size };
    known.clear();
    for (const seat of seats.values()) seat.show();
  });
  return {
    connected(session, key) {
      if (!proofs || key === undefined) return;
      if (!proofs.isWitness(key, `${session.service}/${session.instance}`))
        return say("warn", "a witness key is not the instance's own", idOf(session));
      const proofFrom = (old: number): Promise<string[]> => {
        const found = known.get(old) ?? proofs.consistency(old);
        known.set(old, found);
        return found;
      };
      const seat = createWitnessSeat({ session, key, proofs, newest: () => newest, proofFrom, say });
      seats.set(session, seat);
      seat.show();
    },
    disconnected: (session) => void seats.delete(session),
    answered(session, answer) {
      seats
        .get(session)
        ?.answered(answer)
        .catch((error: unknown) =>
          say("error", "the answer of a witness was not kept", { error, ...idOf(session) }),
        );
    },
    view: () => viewOf([...seats.values()]),
    problems: () =>
      viewOf([...seats.values()]).refusing.map((name) => ({
        code: "evidence-invalid",
        detail: `audit log: ${name} proved that it was rewritten or cut`,
      })),
    close: () => stop?.(),
  };
}

function viewOf(seats: readonly WitnessSeat[]): WitnessView {
  const namesOf = (state: SeatState): string[] =>
    seats
      .filter((seat) => seat.state() === state)
      .map(({ session: { service, instance } }) => `${service}/${instance}`);
  return {
    connected: seats.length,
    cosigned: namesOf("cosigned").length,
    refusing: namesOf("refusing"),
    doubting: namesOf("doubting"),
  };
}

const idOf = ({ service, instance }: Session) => ({ service, instance });
