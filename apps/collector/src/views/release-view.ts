import type { Release } from "@locum/contracts";
import type { GoldenView, ReleaseView } from "@locum/contracts/client";
import type { ServiceState } from "@locum/coordination";

export function releaseView({ digest, body, approvals }: Release, state: ServiceState): ReleaseView {
  const files = body.tree?.files ?? [];
  return {
    service: body.service,
    digest,
    createdAt: body.createdAt,
    note: body.note,
    tree: body.tree?.digest ?? null,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    models: [
      ...new Set([...Object.keys(body.configuration), ...body.goldens.map(({ model }) => model)]),
    ].sort(),
    goldens: body.goldens.length,
    approvedBy: approvals.map(({ keyId }) => keyId),
    served: Object.values(state.members).flatMap(({ id, report }) =>
      report?.release === digest ? [id] : [],
    ),
  };
}

export const goldenViews = ({ digest, body }: Release): GoldenView[] =>
  body.goldens.map(({ id, model, expected }) => ({
    service: body.service,
    release: digest,
    id,
    model,
    outputs: expected.map(({ name }) => name),
  }));
