import type { OperationView } from "@locum/contracts/client";
import type { Operation } from "@locum/coordination";
import type { People } from "../people.ts";

export const operationView = (
  service: string,
  operation: Operation,
  people: Pick<People, "nameOf">,
): OperationView => ({
  id: operation.id,
  service,
  kind: operation.kind,
  instance: operation.instance,
  state: operation.state,
  code: operation.code,
  detail: operation.detail,
  requestedBy: people.nameOf(operation.requestedBy),
  createdAtMs: operation.createdAt,
  endedAtMs: operation.endedAt,
  incident: operation.incident,
});
