import type { WitnessAnswer } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import type { Session } from "./adapters/stream-session.ts";
import type { AuditProofs } from "./audit-port.ts";

/** What one checkpoint may cost a witness that says another size each time. */
const asksMax = 4;

export type SeatState = "asked" | "cosigned" | "refusing" | "doubting";
/** One sidecar that witnesses, for as long as its stream is open. */
export type WitnessSeat = {
  session: Session;
  state(): SeatState;
  /** There is a new checkpoint. */
  show(): void;
  answered(answer: WitnessAnswer): Promise<void>;
};

/** Asks one question at a time, from where the witness stands, and believes an alarm that is proven. */
export function createWitnessSeat({
  session,
  key,
  proofs,
  newest,
  proofFrom,
  say,
}: {
  session: Session;
  key: string;
  proofs: AuditProofs;
  newest: () => { note: string; size: number } | undefined;
  proofFrom: (old: number) => Promise<string[]>;
  say: Log;
}): WitnessSeat {
  const who = { service: session.service, instance: session.instance };
  let state: SeatState = "asked";
  let size = 0;
  let asks = 0;
  let isAsked = false;

  const ask = async (): Promise<void> => {
    const checkpoint = newest();
    if (!checkpoint || isAsked || asks >= asksMax) return;
    asks += 1;
    isAsked = true;
    try {
      const old = size;
      const proof = await proofFrom(old);
      if (checkpoint === newest()) {
        session.send({ kind: "witness", request: { old, proof, checkpoint: checkpoint.note } });
        return;
      }
    } catch (error) {
      say("error", "a proof for a witness could not be made", { error, ...who });
      isAsked = false;
      return;
    }
    // The log has grown meanwhile: that proof leads to another checkpoint.
    isAsked = false;
    await ask();
  };
  const doubt = (why: string): void => {
    if (state !== "doubting") say("warn", `a witness does not cosign: ${why}`, who);
    state = "doubting";
  };
  return {
    session,
    state: () => state,
    show() {
      // One that has not answered since the checkpoint before the last is asked anew.
      if (asks === 0) isAsked = false;
      asks = 0;
      if (state === "cosigned") state = "asked";
      void ask();
    },
    async answered(answer) {
      isAsked = false;
      switch (answer.outcome) {
        case "cosigned":
          size = answer.size;
          if (await proofs.addCosignature(answer.signature, key)) state = "cosigned";
          else if (answer.size === newest()?.size) doubt("its line is no signature of the checkpoint");
          else await ask();
          return;
        case "elsewhere":
          size = answer.size;
          return ask();
        case "rewritten":
          if (!(await proofs.isForked(answer.head)))
            return doubt("it says that the log was rewritten, and does not prove it");
          if (state !== "refusing")
            say("error", "the audit log is not the one that a witness saw", { ...who, seq: answer.size });
          state = "refusing";
          return;
        case "unsigned":
          return doubt("it knows another key of the log");
      }
    },
  };
}
