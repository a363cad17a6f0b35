import { createHash } from "node:crypto";
import { canonicalJson, Fault } from "@locum/contracts";
import { type Decision, decide, type Effect, type Input, type ServiceState } from "@locum/coordination";

export type ReplayStep = { input: Input; effects: Effect[] };

/**
 * Decides again what an input log holds: a line `{"state"}` begins, each line `{"input"}` goes on from there. Every
 * decision is made twice and compared, so that a core that looks at a clock or at luck is found.
 */
export function createReplay() {
  let state: ServiceState | undefined;
  const digest = createHash("sha256");
  const figures = { states: 0, inputs: 0, effects: 0 };
  return {
    /** One line of the log; undefined where it begins a state. @throws Fault request-invalid | internal */
    take(text: string, number: number): ReplayStep | undefined {
      const line = readLine(text, number);
      if ("state" in line) {
        state = line.state;
        figures.states += 1;
        return undefined;
      }
      if (!state) throw new Fault("request-invalid", `line ${number}: an input before any state`);
      const before = state;
      const decision = decideSafely(before, line.input, number);
      const said = textOf(decision);
      if (textOf(decideSafely(before, line.input, number)) !== said)
        throw new Fault("internal", `line ${number}: the same input gave two decisions`);
      digest.update(said);
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

function readLine(text: string, number: number): { state: ServiceState } | { input: Input } {
  try {
    const line: unknown = JSON.parse(text, (_, value: unknown) =>
      isInfinity(value) ? Number.POSITIVE_INFINITY : value,
    );
    if (typeof line === "object" && line !== null && ("state" in line || "input" in line))
      return line as { state: ServiceState } | { input: Input };
  } catch {
    // Falls through to the same answer.
  }
  throw new Fault("request-invalid", `line ${number}: expected {"state":...} or {"input":...} in JSON`);
}

const isInfinity = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "$" in value && value.$ === "Infinity";

/** JSON has no word for Infinity, which is a time in a state ("never"). */
const textOf = (value: unknown): string =>
  canonicalJson(
    JSON.parse(
      JSON.stringify(value, (_, member: unknown) =>
        member === Number.POSITIVE_INFINITY ? { $: "Infinity" } : member,
      ),
    ),
  );
