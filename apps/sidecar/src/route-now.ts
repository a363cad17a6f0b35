import { judgedAs } from "@locum/coordination";
import type { SidecarConfig } from "./config.ts";
import type { Drive } from "./drive.ts";
import { isFitFor, type PeerBook } from "./peers.ts";
import { routeOrder } from "./route-order.ts";
import type { Wanted } from "./tap/tap-deps.ts";
import type { TargetChoice } from "./tap/target.ts";
import type { Upstream } from "./upstream.ts";

type Known = {
  config: SidecarConfig;
  drive: Drive;
  upstream: Upstream;
  peers: PeerBook;
  clock: { monotonicMs(): number };
};

/**
 * Where this request may go now. Of several models on one server the one that it asks decides, so that a wrong one
 * sends only its own requests away; where the model is not known, or not judged, the server as a whole does.
 */
export function routeNow({ config, drive, upstream, peers, clock }: Known, wanted?: Wanted): TargetChoice {
  const { holder, divert, linked, modelDiverts } = drive.state();
  const model = wanted?.model;
  const names = model === undefined ? [] : judgedAs(Object.keys(modelDiverts), model);
  const { shadow } = config.instance;
  return routeOrder({
    own: upstream.target(),
    role: holder.role,
    exclusive: holder.class === "exclusive",
    mayServe: drive.mayServe() && !shadow,
    diverted: divert.diverted || names.some((name) => modelDiverts[name]?.diverted === true),
    proven: isProven(drive, names, wanted),
    failClosed: config.service.failover.failClosed,
    refused: isRefused(drive, names),
    peers: peers.states(clock.monotonicMs(), linked).map((peer) => ({ ...peer, fit: isFitFor(peer, names) })),
  });
}

function isProven(drive: Drive, names: readonly string[], wanted: Wanted | undefined): boolean {
  const { health } = drive.state();
  if (health.verdict.kind === "failed") return false;
  const { goldens, models } = drive.fitness();
  const proven = (state: string | undefined): boolean => state === "proven" || state === "none";
  if (names.length > 0)
    return names.every(
      (name) => proven(models[name]?.goldens) && health.models[name]?.verdict.kind !== "failed",
    );
  const several = Object.values(models);
  // No model's answer is at stake, or one's that nothing was ever said of: its neighbours do not speak for it.
  if (several.length > 0 && (!wanted?.infer || wanted.model !== undefined))
    return several.some((one) => proven(one.goldens));
  return proven(goldens);
}

/** Wrong everywhere, and the policy says to refuse rather than to serve it. */
function isRefused(drive: Drive, names: readonly string[]): boolean {
  const { policy, health } = drive.state();
  if (policy?.allWrong !== "refuse") return false;
  const { current } = health.goldens;
  if (health.verdict.kind === "failed" && current !== null && policy.frozen.includes(current)) return true;
  return names.some((name) => {
    const model = health.models[name];
    const release = model?.goldens.current;
    return (
      model?.verdict.kind === "failed" &&
      release != null &&
      policy.frozenModels?.[release]?.includes(name) === true
    );
  });
}
