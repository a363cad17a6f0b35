import type { WitnessAnswer } from "@locum/contracts";
import type { ReadyView } from "@locum/contracts/client";
import type { Log } from "@locum/runtime";
import type { Session } from "./adapters/stream-session.ts";
import type { AuditProofs } from "./audit-port.ts";

/** What one checkpoint may cost a witness that says another size each time. */
const asksMax = 4;

export type WitnessView = {
  connected: number;
  /** Have cosigned the newest checkpoint. */
  cosigned: number;
  /** Proved that they saw another history than the log has now. */
  refusing: string[];
  /** Say so without a proof, or know another key of the log. */
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

type Seat = {
  key: string;
  size: number;
  asks: number;
  state: "asked" | "cosigned" | "refusing" | "doubting";
};

/**
 * Shows each new checkpoint to every sidecar, with the proof that it begins with what that one saw. An alarm counts
 * when it is proven: a witness gives the checkpoint that the log itself signed, and its root is not that of the log.
 */
export function createWitnesses({ proofs, say }: { proofs: AuditProofs | null; say: Log }): Witnesses {
  const seats = new Map<Session, Seat>();
  let note: string | undefined;
  /** Most witnesses stand at the same size: one proof serves them. */
  const known = new Map<number, Promise<string[]>>();

  const proofFrom = (from: AuditProofs, old: number): Promise<string[]> => {
    const found = known.get(old) ?? from.consistency(old);
    known.set(old, found);
    return found;
  };
  const ask = async (session: Session, seat: Seat): Promise<void> => {
    const checkpoint = note;
    if (!proofs || checkpoint === undefined || seat.asks >= asksMax) return;
    seat.asks += 1;
    try {
      const proof = await proofFrom(proofs, seat.size);
      if (checkpoint === note)
        session.send({ kind: "witness", request: { old: seat.size, proof, checkpoint } });
    } catch (error) {
      say("error", "a proof for a witness could not be made", { error, ...idOf(session) });
    }
  };
  const show = (checkpoint: string): void => {
    note = checkpoint;
    known.clear();
    for (const [session, seat] of seats) {
      seat.asks = 0;
      if (seat.state === "cosigned") seat.state = "asked";
      void ask(session, seat);
    }
  };
  const doubt = (session: Session, seat: Seat, why: string): void => {
    if (seat.state !== "doubting") say("warn", `a witness does not cosign: ${why}`, idOf(session));
    seat.state = "doubting";
  };
  const answered = async (session: Session, seat: Seat, answer: WitnessAnswer): Promise<void> => {
    if (!proofs) return;
    switch (answer.outcome) {
      case "cosigned": {
        seat.size = answer.size;
        if (await proofs.addCosignature(answer.signature, seat.key)) seat.state = "cosigned";
        else void ask(session, seat);
        return;
      }
      case "elsewhere":
        seat.size = answer.size;
        return ask(session, seat);
      case "rewritten": {
        if (!(await proofs.isForked(answer.head)))
          return doubt(session, seat, "it says that the log was rewritten, and does not prove it");
        if (seat.state !== "refusing")
          say("error", "the audit log is not the one that a witness saw", {
            ...idOf(session),
            seq: answer.size,
          });
        seat.state = "refusing";
        return;
      }
      case "unsigned":
        return doubt(session, seat, "it knows another key of the log");
    }
  };
  const stop = proofs?.onCheckpoint(show);
  return {
    connected(session, key) {
      if (!proofs || key === undefined) return;
      if (!proofs.isWitness(key, `${session.service}/${session.instance}`))
        return say("warn", "a witness key is not the instance's own", idOf(session));
      const seat: Seat = { key, size: 0, asks: 0, state: "asked" };
      seats.set(session, seat);
      void ask(session, seat);
    },
    disconnected: (session) => void seats.delete(session),
    answered(session, answer) {
      const seat = seats.get(session);
      if (!seat) return;
      void answered(session, seat, answer).catch((error: unknown) =>
        say("error", "the answer of a witness was not kept", { error, ...idOf(session) }),
      );
    },
    view: () => viewOf(seats),
    problems: () =>
      viewOf(seats).refusing.map((name) => ({
        code: "evidence-invalid",
        detail: `audit log: ${name} proved that it was rewritten or cut`,
      })),
    close: () => stop?.(),
  };
}

function viewOf(seats: ReadonlyMap<Session, Seat>): WitnessView {
  const namesOf = (state: Seat["state"]): string[] =>
    [...seats].filter(([, seat]) => seat.state === state).map(([one]) => `${one.service}/${one.instance}`);
  return {
    connected: seats.size,
    cosigned: namesOf("cosigned").length,
    refusing: namesOf("refusing"),
    doubting: namesOf("doubting"),
  };
}

const idOf = ({ service, instance }: Session) => ({ service, instance });
