import { type Command, type CommandResult, Fault } from "@locum/contracts";
import type { Holder, HolderEffect } from "@locum/coordination";
import type { Log } from "@locum/runtime";

export type HolderPorts = {
  holder: () => Holder;
  save: (held: Pick<Holder, "term" | "epoch" | "role">) => Promise<void>;
  perform: (command: Command) => Promise<CommandResult>;
  acted: (command: Command, result: CommandResult) => void;
  answer: (result: CommandResult) => void;
  /** The instance fenced itself: what has no answer yet gets none from here. */
  selfFenced: (reason: "lease-ended" | "clock-jump") => void;
  log: Log;
};

/**
 * Does what the holder decided, in order. Term, epoch and role are on disk before anything that follows from them is
 * done or said: a sidecar that forgot an epoch would obey an old leader. The gate needs no disk and is closed at once.
 */
export function createHolderEffects(ports: HolderPorts): (effect: HolderEffect) => void {
  const { log } = ports;
  let persisted: Promise<Fault | null> = Promise.resolve(null);
  const performers: { [K in HolderEffect["kind"]]: (effect: Extract<HolderEffect, { kind: K }>) => void } = {
    persist() {
      // Read when its turn comes: several changes of one moment are written once with the last word.
      persisted = persisted.then(async () => {
        const { term, epoch, role } = ports.holder();
        try {
          await ports.save({ term, epoch, role });
          return null;
        } catch (error) {
          log("error", "the role is not on disk", { epoch, term, role, error });
          return error instanceof Fault ? error : new Fault("storage-failed", String(error));
        }
      });
    },
    perform({ command }) {
      void persisted.then(async (fault) => {
        const result = fault ? unsaved(command.id, fault) : await ports.perform(command);
        ports.acted(command, result);
      });
    },
    answer({ result }) {
      void persisted.then((fault) =>
        ports.answer(fault && result.outcome === "done" ? unsaved(result.id, fault) : result),
      );
    },
    fenced({ reason }) {
      if (reason === "command") return;
      log("warn", "fenced itself", { reason });
      ports.selfFenced(reason);
    },
  };
  return (effect) => (performers[effect.kind] as (effect: HolderEffect) => void)(effect);
}

const unsaved = (id: string, { code, message }: Fault): CommandResult => ({
  id,
  outcome: "failed",
  code,
  detail: `not on disk, so not done: ${message}`.slice(0, 1000),
  tookMs: 0,
});
