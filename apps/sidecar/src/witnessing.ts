import type { AuditEvent, SidecarFrame, WitnessAnswer, WitnessRequest } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import type { OwnWitness, WitnessView } from "./adapters/own-witness.ts";

type Ports = {
  witness: OwnWitness | null;
  send: (frame: SidecarFrame) => boolean;
  record: (fact: Pick<AuditEvent, "kind" | "reason" | "facts">) => Promise<boolean>;
  log: Log;
};

export type Witnessing = {
  meet(logKey: string | undefined): void;
  ask(request: WitnessRequest): void;
  view(): WitnessView | null;
};

/** Answers the collector's checkpoints. A refusal is told once: to its own log, to its spool, and in /status for as long as it lasts. */
export function createWitnessing({ witness, send, record, log }: Ports): Witnessing {
  const refuse = (outcome: "rewritten" | "unsigned", { size, log: origin }: WitnessView): void => {
    const reason =
      outcome === "rewritten"
        ? `the audit log does not begin with the ${size} records that this witness saw`
        : "a checkpoint of the audit log is not signed by the key that signed it first";
    log("error", reason, {
      reason: "compare it with a copy; remove witness.json in the state folder if it was set up anew",
    });
    void record({ kind: "witness.refuse", reason, facts: { outcome, size, log: origin } });
  };
  const answer = async (own: OwnWitness, request: WitnessRequest): Promise<void> => {
    const before = own.view().refused;
    const said: WitnessAnswer = await own.answer(request);
    const after = own.view().refused;
    if (after !== null && after !== before) refuse(after, own.view());
    if (after === null && before !== null) log("info", "the audit log is again the one that was seen");
    send({ kind: "witnessed", answer: said });
  };
  return {
    meet(logKey) {
      try {
        if (logKey !== undefined) witness?.meet(logKey);
      } catch (error) {
        log("warn", "the key of the audit log cannot be read", { error });
      }
    },
    ask(request) {
      if (!witness) return;
      void answer(witness, request).catch((error: unknown) =>
        log("error", "a checkpoint was not cosigned", { error }),
      );
    },
    view: () => witness?.view() ?? null,
  };
}
