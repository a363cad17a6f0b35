import type { MetricFamily } from "@locum/runtime";
import { agentWord } from "./adapters/agent-check.ts";
import type { ControlView } from "./adapters/control-api.ts";
import type { SidecarConfig } from "./config.ts";
import { isDrained } from "./divert-now.ts";
import type { InferenceRecords } from "./inference-records.ts";
import type { Instance } from "./instance.ts";
import type { PeerBook } from "./peers.ts";
import type { SnapshotKeeper } from "./snapshots/snapshot-keeper.ts";
import type { Witnessing } from "./witnessing.ts";

type Known = {
  config: SidecarConfig;
  instance: Instance;
  peers: PeerBook;
  clock: { monotonicMs(): number };
  witnessing: Pick<Witnessing, "view">;
  inferences: Pick<InferenceRecords, "stats"> | null;
  snapshots: Pick<SnapshotKeeper, "view"> | null;
  /** Where peers read the live files; null where they do not. */
  files: () => string | null;
};

/** As many as a peer reads. */
const modelsNamedMax = 256;

/** What the agent-check says now. */
export function agentNow({ config, instance, peers, clock }: Known): string {
  const state = instance.drive.state();
  const { holder, divert, health, linked, modelDiverts } = state;
  const { verdict } = health;
  const fitness = instance.drive.fitness();
  return agentWord({
    posture: config.service.posture,
    exclusive: holder.class === "exclusive",
    role: holder.role,
    mayServe: instance.drive.mayServe(),
    diverted: divert.diverted,
    drained: isDrained(state),
    partial: Object.values(modelDiverts).some(({ diverted }) => diverted),
    partlyFit: Object.values(fitness.models).some(({ fit }) => fit),
    shadow: config.instance.shadow,
    failure: verdict.kind === "failed" ? verdict.failure : null,
    fit: fitness.fit,
    peerFit: peers.states(clock.monotonicMs(), linked).some(({ fit }) => fit),
    failClosed: config.service.failover.failClosed,
  });
}

/** What /status, /readyz and /metrics say now. */
export function controlNow({
  config,
  instance,
  peers,
  clock,
  witnessing,
  inferences,
  snapshots,
  files,
  incarnation,
  metrics,
}: Known & { incarnation: string; metrics: () => MetricFamily[] }): ControlView {
  const { id } = config.instance;
  return {
    status() {
      const { policy, linked, divert, modelDiverts } = instance.drive.state();
      return {
        id,
        service: config.service.service,
        incarnation,
        posture: config.service.posture,
        class: config.service.class,
        collector: linked,
        divert: divert.why,
        policy: policy?.number ?? null,
        models: modelDiverts,
        witness: witnessing.view(),
        inferences: inferences?.stats() ?? null,
        snapshots: snapshots?.view() ?? null,
        peers: peers.states(clock.monotonicMs(), linked).map(({ id: peer, role, fit, models }) => ({
          id: peer,
          role,
          fit,
          ...(models.length > 0 ? { models } : {}),
        })),
        report: instance.report(),
      };
    },
    ready() {
      const { holder, divert } = instance.drive.state();
      const fitness = instance.drive.fitness();
      const serves = !divert.diverted && !config.instance.shadow;
      const fit = fitness.fit && serves;
      const { role, epoch } = holder;
      // Named only where it is not fit for all: elsewhere the one word says it.
      const named =
        fit || !serves ? [] : Object.keys(fitness.models).filter((name) => fitness.models[name]?.fit);
      const models = named.length > 0 ? { models: named.slice(0, modelsNamedMax) } : {};
      const { state, tree } = instance.drive.state().health.bytes;
      const url = files();
      const given = url !== null && tree !== null && state === "approved" ? { files: { url, tree } } : {};
      return { ready: fit && instance.drive.mayServe(), id, role, epoch, fit, ...models, ...given };
    },
    metrics,
  };
}
