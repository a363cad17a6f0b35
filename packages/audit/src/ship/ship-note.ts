import type { AuditEvent } from "@locum/contracts";

/** What the shipper has to say in the log itself; who keeps the log adds the rest of the event. */
export type ShipNote = Pick<AuditEvent, "reason" | "facts"> & {
  kind: "audit.reject" | "audit.differ" | "audit.reconcile";
};

/** In canonical JSON nothing but a name stands before a colon: inside a string the quotes would be escaped. */
const own = /"kind":"audit\.(?:reject|differ|reconcile)"/;

/** Whether a line is a note of the shipper's: a note about it would have no end. */
export const isOwnNote = (line: string): boolean => own.test(line);
