import { validateHeaderName, validateHeaderValue } from "node:http";
import { Fault } from "@locum/contracts";
import type { Target } from "./target.ts";

export type TargetHeaders = ReadonlyMap<string, { name: string; value: string }>;

/**
 * What is set on every request to a target, by its name in lower case.
 * @throws Fault config-invalid for what no request may carry
 */
export function targetHeaders({ id, headers }: Target): TargetHeaders {
  const set = new Map<string, { name: string; value: string }>();
  for (const [name, value] of Object.entries(headers ?? {})) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      // The value may be a credential: it is not repeated.
      throw new Fault("config-invalid", `target ${id}: header ${name} cannot be sent`, { cause });
    }
    set.set(name.toLowerCase(), { name, value });
  }
  return set;
}
