import { type FaultCode, faultTable, type Retry } from "./fault-table.ts";

/**
 * An expected fault: something outside was not as it should be. It carries what a person needs (what was
 * expected, what was found, what to do) and what a program needs (a stable code, whether to try again).
 * Broken invariants of our own are assertions, never a Fault.
 */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly hint: string;
  readonly retry: Retry;

  constructor(code: FaultCode, message: string, { hint, cause }: { hint?: string; cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "Fault";
    this.code = code;
    this.hint = hint ?? faultTable[code].hint;
    this.retry = faultTable[code].retry;
  }

  toJSON() {
    return { code: this.code, message: this.message, hint: this.hint, retry: this.retry };
  }
}

/** Stops the process on a broken invariant, in production too: going on would act on a state nobody designed. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${invariant}`);
}
