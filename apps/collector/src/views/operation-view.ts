import type { OperationView } from "@locum/contracts/client";
import type { Operation } from "@locum/coordination";

export const operationView = (service: string, operation: Operation): OperationView => ({
  id: operation.id,
  service,
  kind: operation.kind,
  instance: operation.instance,
  state: operation.state,
  code: operation.code,
  detail: operation.detail,
  requestedBy: operation.requestedBy,
  createdAtMs: operation.createdAt,
  endedAtMs: operation.endedAt,
  incident: operation.incident,
});
