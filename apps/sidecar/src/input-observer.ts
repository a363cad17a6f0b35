import type { IncomingHttpHeaders } from "node:http";
import type { ModelMetadata, Tensor } from "@locum/contracts";
import { decodeRequest, type ModelServer } from "@locum/serving";

/** One broken rule of one request, without anything of its content. */
export type InputFinding = { rule: string; detail: string };
/** What packages/guard says of the tensors of one request against the model's own metadata. */
export type InputCheck = (metadata: ModelMetadata, inputs: readonly Tensor[]) => readonly InputFinding[];

export type InputObserver = {
  inspect(model: string, headers: IncomingHttpHeaders, body: Buffer): void;
  isStateful(model: string): boolean;
  /** The model was loaded again: what it takes may have changed. */
  forget(): void;
};

/** Looking may take this part of the time: on a busy instance only some requests are looked at. */
const lookShareMax = 0.02;
/** Where JSON writers put what belongs to the whole request: before the tensors. */
const headBytes = 4096;
const modelsMax = 256;
const metadataAgeMsMax = 60_000;
const metadataTimeoutMs = 2000;
/** One event a minute and rule says that it happens; the metric says how often. */
const auditEveryMs = 60_000;

/**
 * Looks at requests after they were answered, and never stands in their way: counts what breaks a rule, within a small
 * part of the time. Requests of a sequence mark their model as stateful, so that none of its requests is sent twice
 * from then on.
 */
export function createInputObserver({
  check,
  server,
  clock,
  onFinding,
  onAudit,
}: {
  check: InputCheck | null;
  server: () => ModelServer;
  clock: { monotonicMs(): number };
  onFinding: (rule: string) => void;
  /** `count`: of this rule since it was told last. */
  onAudit: (model: string, finding: InputFinding, count: number) => void;
}): InputObserver {
  const metadata = new Map<string, { value: ModelMetadata | null; atMs: number }>();
  const audited = new Map<string, { atMs: number; more: number }>();
  const stateful = new Set<string>();
  let nextLookMs = Number.NEGATIVE_INFINITY;

  const learn = (model: string): void => {
    if (metadata.size >= modelsMax) metadata.clear();
    // Asked once at a time: until the answer is here the old one holds.
    metadata.set(model, { value: metadata.get(model)?.value ?? null, atMs: clock.monotonicMs() });
    server()
      .metadata(model, { timeoutMs: metadataTimeoutMs })
      .then((value) => metadata.set(model, { value, atMs: clock.monotonicMs() }))
      .catch(() => {});
  };
  const report = (model: string, finding: InputFinding): void => {
    onFinding(finding.rule);
    const nowMs = clock.monotonicMs();
    const last = audited.get(finding.rule);
    if (last && nowMs - last.atMs < auditEveryMs) {
      last.more += 1;
      return;
    }
    if (audited.size >= modelsMax) audited.clear();
    audited.set(finding.rule, { atMs: nowMs, more: 0 });
    onAudit(model, finding, 1 + (last?.more ?? 0));
  };
  const look: InputObserver["inspect"] = (model, headers, body) => {
    const known = metadata.get(model);
    if (!known || clock.monotonicMs() - known.atMs > metadataAgeMsMax) learn(model);
    let request: ReturnType<typeof decodeRequest>;
    try {
      request = decodeRequest(headers, body);
    } catch (error) {
      return report(model, { rule: "undecodable", detail: error instanceof Error ? error.message : "" });
    }
    if (request.sequenceId !== undefined && stateful.size < modelsMax) stateful.add(model);
    if (!check || !known?.value || request.raw) return;
    for (const finding of check(known.value, request.inputs).slice(0, 16)) report(model, finding);
  };
  return {
    inspect(model, headers, body) {
      const startedMs = clock.monotonicMs();
      // Cheap, and for every request: one that is missed might be sent twice.
      const mayBeSequence = body.subarray(0, headBytes).includes("sequence_id");
      if (startedMs < nextLookMs && !mayBeSequence) return;
      look(model, headers, body);
      nextLookMs = startedMs + (clock.monotonicMs() - startedMs) / lookShareMax;
    },
    isStateful: (model) => stateful.has(model),
    forget: () => metadata.clear(),
  };
}
