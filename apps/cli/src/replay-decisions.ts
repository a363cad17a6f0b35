import { createHash } from "node:crypto";
import { decodeInputLogLine, effectsDigest, Fault, type InputLogLine } from "@locum/contracts";
import { type Decision, decide, type Effect, type Input, type ServiceState } from "@locum/coordination";

export type ReplayStep = { input: Input; effects: Effect[] };

/**
 * Decides again what an input log holds: a line `{"state"}` begins, each line `{"input"}` goes on from there, and the
 * line `{"effects"}` behind it holds the digest of what was decided then. Another decision now is a fault.
 */
export function createReplay() {
  let state: ServiceState | undefined;
  const digest = createHash("sha256");
  const figures = { states: 0, inputs: 0, effects: 0, compared: 0 };
  let last: { line: number; decided: string } | undefined;
  return {
    /** One line of the log; undefined where it begins a state. @throws Fault request-invalid | internal */
    take(text: string, number: number): ReplayStep | undefined {
      const line = readLine(text, number);
      if ("state" in line) {
        state = line.state;
        last = undefined;
        figures.states += 1;
        return undefined;
      }
      if ("effects" in line) {
        if (last && line.effects !== last.decided)
          throw new Fault(
            "evidence-invalid",
            `line ${last.line}: another decision was made then than is made now`,
            {
              hint: "The log was changed, or written by another version of the core.",
            },
          );
        figures.compared += last ? 1 : 0;
        last = undefined;
        return undefined;
      }
      if (!state) throw new Fault("request-invalid", `line ${number}: an input before any state`);
      const decision = decideSafely(state, line.input, number);
      last = { line: number, decided: effectsDigest(decision.effects) };
      digest.update(last.decided);
      state = decision.state;
      figures.inputs += 1;
      figures.effects += decision.effects.length;
      return { input: line.input, effects: decision.effects };
    },
    end: () => ({ ...figures, digest: `sha256:${digest.digest("hex")}` }),
  };
}

function decideSafely(state: ServiceState, input: Input, number: number): Decision {
  try {
    return decide(state, input);
  } catch (error) {
    throw new Fault(
      "request-invalid",
      `line ${number}: the core cannot take it: ${(error as Error).message}`,
      {
        hint: "Was the log written by another version?",
        cause: error,
      },
    );
  }
}

function readLine(text: string, number: number): InputLogLine<ServiceState, Input> {
  const line = decodeInputLogLine<ServiceState, Input>(text);
  if (line) return line;
  throw new Fault(
    "request-invalid",
    `line ${number}: expected {"state":...}, {"input":...} or {"effects":...} in JSON`,
  );
}
