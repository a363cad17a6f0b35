import type { IncomingHttpHeaders } from "node:http";
import { openWires, type WireOf } from "@locum/serving";
import type { SidecarConfig } from "./config.ts";
import type { Drive } from "./drive.ts";
import type { InferenceRecords } from "./inference-records.ts";
import type { InputObserver } from "./input-observer.ts";
import { outputProbe } from "./ladder/output-findings.ts";
import type { PeerBook } from "./peers.ts";
import { routeNow } from "./route-now.ts";
import type { RequestRoute, TapDeps } from "./tap/tap-deps.ts";
import type { TapEvent } from "./tap/tap-event.ts";
import type { Upstream } from "./upstream.ts";

export type GateOptions = {
  config: SidecarConfig;
  drive: Drive;
  upstream: Upstream;
  peers: PeerBook;
  /** Models that were seen to keep sequences: their requests are never sent twice. */
  isStateful: (model: string) => boolean;
  inspectRequest: InputObserver["inspect"];
  isListed: (model: string) => boolean;
  trace: InferenceRecords["trace"] | undefined;
  /** Everything that the tap tells: rates, metrics, and the rungs of the ladder that look at traffic. */
  observers: readonly ((event: TapEvent) => void)[];
  suspectProcess: () => void;
  clock: { monotonicMs(): number };
};

/** What the tap asks and tells: where requests go, what is wrong with an answer, what happened. */
export function gateDeps(options: GateOptions): TapDeps {
  const { config, drive, observers, suspectProcess, clock, inspectRequest, isListed, trace } = options;
  const exclusive = config.service.class === "exclusive";
  const ownId = config.instance.id;
  const wireOf = openWires({ httpJson: config.instance.httpJson });
  return {
    clock,
    route: (wanted) => routeNow(options, wanted),
    needsModel() {
      const models = Object.values(drive.state().modelDiverts);
      return models.some(({ diverted }) => diverted || config.service.failover.failClosed);
    },
    classify: (method, path, headers) => routeOf({ method, path, headers }, { ...options, wireOf }),
    inspectRequest({ wire, model }, headers, body) {
      // The rules for inputs are about tensors, in the one protocol that carries them so.
      if (wire.protocol === "oip-v2-rest" && model !== undefined) inspectRequest(model, headers, body);
    },
    observe(event) {
      for (const observer of observers) observer(event);
      const atMs = clock.monotonicMs();
      const probe = outputProbe(event, ownId, atMs);
      if (probe) drive.put({ kind: "finding", finding: { probe, startedMs: atMs, timeout: false } });
      if (event.kind === "outcome" && event.target === ownId)
        if (event.outcome === "refused" || event.outcome === "reset") suspectProcess();
    },
    isListed,
    ...(trace ? { trace } : {}),
    // A stateless instance that is fenced still forwards to its peers; an exclusive one answers nothing at all.
    fenced: () => exclusive && !drive.mayServe(),
    failClosed: config.service.failover.failClosed,
    limits: { bodyInspectedBytes: Math.min(inspectedBytesMax, config.service.input.bytesMax) },
  };
}

/** Parsing more than this at once would be felt by the requests beside it. */
const inspectedBytesMax = 1_048_576;

/**
 * Of an inference its protocol says whether it may be sent twice, unless its model was seen to keep sequences; of the
 * rest only what HTTP calls safe.
 */
function routeOf(
  request: { method: string; path: string; headers: IncomingHttpHeaders },
  { wireOf, isStateful }: Pick<GateOptions, "isStateful"> & { wireOf: WireOf },
): RequestRoute {
  const { method } = request;
  const found = wireOf(request);
  if (!found) return { kind: "other", idempotent: method === "GET" || method === "HEAD" };
  const { model, repeatable } = found.route;
  const idempotent = model !== undefined && isStateful(model) ? false : repeatable;
  return { kind: "infer", wire: found.wire, model, idempotent };
}
