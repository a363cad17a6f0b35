import type { MetricFamily } from "@locum/runtime";
import { agentWord } from "./adapters/agent-check.ts";
import type { ControlView } from "./adapters/control-api.ts";
import type { SidecarConfig } from "./config.ts";
import type { Instance } from "./instance.ts";
import type { PeerBook } from "./peers.ts";

type Known = {
  config: SidecarConfig;
  instance: Instance;
  peers: PeerBook;
  clock: { monotonicMs(): number };
};

/** What the agent-check says now. */
export function agentNow({ config, instance, peers, clock }: Known): string {
  const { holder, divert, drains, health, linked } = instance.drive.state();
  const { verdict } = health;
  return agentWord({
    posture: config.service.posture,
    exclusive: holder.class === "exclusive",
    role: holder.role,
    mayServe: instance.drive.mayServe(),
    diverted: divert.diverted,
    drained: drains.size > 0,
    failure: verdict.kind === "failed" ? verdict.failure : null,
    fit: instance.drive.fitness().fit,
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
  incarnation,
  metrics,
}: Known & { incarnation: string; metrics: () => MetricFamily[] }): ControlView {
  const { id } = config.instance;
  return {
    status() {
      const { policy, linked, divert } = instance.drive.state();
      return {
        id,
        service: config.service.service,
        incarnation,
        posture: config.service.posture,
        class: config.service.class,
        collector: linked,
        divert: divert.why,
        policy: policy?.number ?? null,
        peers: peers
          .states(clock.monotonicMs(), linked)
          .map(({ id: peer, role, fit }) => ({ id: peer, role, fit })),
        report: instance.report(),
      };
    },
    ready() {
      const { holder, divert } = instance.drive.state();
      const fit = instance.drive.fitness().fit && !divert.diverted;
      const { role, epoch } = holder;
      return { ready: fit && instance.drive.mayServe(), id, role, epoch, fit };
    },
    metrics,
  };
}
