import { Fault } from "@locum/contracts";

/** The code of the Fault that a call throws, undefined where it does not; anything else thrown fails the test. */
export async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (fault) {
    if (fault instanceof Fault) return fault.code;
    throw fault;
  }
}
