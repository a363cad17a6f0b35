import { join } from "node:path";
import type { AuditEvent, SidecarFrame } from "@locum/contracts";
import { createMetrics } from "@locum/runtime";
import { createSpoolPump, type SpoolPump } from "./adapters/spool-pump.ts";
import type { AppDeps } from "./app.ts";
import { createInferenceRecords, type InferenceRecords } from "./inference-records.ts";
import { createInputObserver, type InputObserver } from "./input-observer.ts";
import type { Instance } from "./instance.ts";
import { createMetering, type Metering } from "./metering.ts";
import { createPeerBook, type PeerBook, peersOf } from "./peers.ts";
import { createReleaseShelf, type ReleaseShelf } from "./release-shelf.ts";
import { openOwnDriver } from "./restart/own-driver.ts";
import type { RestartDriver } from "./restart/restart-driver.ts";
import { openSources } from "./sources/open-sources.ts";
import type { TreeSources } from "./sources/tree-sources.ts";
import { sidecarEvent } from "./story.ts";
import { createUpstream, type Upstream } from "./upstream.ts";
import { createWitnessing, type Witnessing } from "./witnessing.ts";

/** What stands by itself and is shared by the rest of the sidecar. */
export type Parts = {
  upstream: Upstream;
  shelf: ReleaseShelf;
  peers: PeerBook;
  pump: SpoolPump;
  metering: Metering;
  inputs: InputObserver;
  inferences: InferenceRecords | null;
  /** Null where Locum never restarts this instance. */
  restartDriver: RestartDriver | null;
  /** Whether everything that was recorded is on disk; tries what waits. */
  canRecord(): Promise<boolean>;
  witnessing: Witnessing;
  /** Null where no model folder is configured. */
  sources: TreeSources | null;
  /** One audit event of this sidecar, into its spool; false while it is not on disk. */
  record(fact: Pick<AuditEvent, "kind" | "reason" | "facts">): Promise<boolean>;
};

export function createParts(
  deps: AppDeps,
  { send, instance: own }: { send: (frame: SidecarFrame) => boolean; instance: () => Instance },
): Parts {
  const { config, headers, ca, releaseFiles, spool, tally, witness, checkInput, env, clock, log } = deps;
  const { service, instance } = config;
  const metering = createMetering(createMetrics());
  const upstream = createUpstream({ ...instance, headers, ca });
  const peers = createPeerBook(instance.id);
  peers.know(peersOf(service), clock.monotonicMs());
  const pump = createSpoolPump({
    spool,
    tally,
    stamp: () => ({ at: new Date(clock.wallMs()).toISOString(), actor: `sidecar:${instance.id}` }),
    send,
    log,
  });
  const record: Parts["record"] = (fact) =>
    pump.record(
      sidecarEvent(fact, {
        service: service.service,
        instance: instance.id,
        epoch: own().drive.state().holder.epoch,
        wallMs: clock.wallMs(),
      }),
    );
  const shelf = createReleaseShelf({ ...service, files: releaseFiles, log });
  const inputs = createInputObserver({
    check: service.input.mode === "off" ? null : checkInput,
    server: upstream.server,
    clock,
    onFinding: metering.inputFinding,
    onAudit: (model, { rule, detail }, count) =>
      void record({ kind: "input.finding", reason: detail.slice(0, 1000), facts: { model, rule, count } }),
  });
  const { inferenceSink: sink } = deps;
  return {
    upstream,
    peers,
    inferences:
      sink &&
      createInferenceRecords({
        ...deps,
        sink,
        dir: join(config.stateDir, "inference"),
        now: () => own().served(),
        record,
      }),
    pump,
    metering,
    inputs,
    record,
    canRecord: pump.drained,
    witnessing: createWitnessing({ witness, send, record, log }),
    restartDriver: openOwnDriver({ config, env, clock, log, record }),
    shelf,
    sources: openSources(deps, { peers, releases: shelf.approved }),
  };
}
