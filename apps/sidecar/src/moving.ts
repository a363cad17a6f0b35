import { judgedAs } from "@locum/coordination";
import type { DriveState } from "./drive.ts";
import { isFitFor, type PeerBook } from "./peers.ts";
import type { Tap } from "./tap/tap.ts";

/**
 * Takes back what waits on the own server as soon as it is diverted and somebody else is fit, also when somebody
 * becomes fit later: what waits at a server that hangs need not wait on. Of several models each by itself.
 */
export function createMoving({
  tap,
  peers,
  clock,
}: {
  tap: Pick<Tap, "divert"> | null;
  peers: Pick<PeerBook, "states">;
  clock: { monotonicMs(): number };
}): (state: DriveState) => void {
  let whole = false;
  let models: readonly string[] = [];
  return ({ divert, modelDiverts, linked }) => {
    const isAny = divert.diverted || Object.values(modelDiverts).some(({ diverted }) => diverted);
    if (!tap || !isAny) {
      whole = false;
      models = [];
      return;
    }
    const seen = peers.states(clock.monotonicMs(), linked);
    const wasWhole = whole;
    whole = divert.diverted && seen.some((peer) => isFitFor(peer, []));
    if (whole && !wasWhole) tap.divert();
    const judged = Object.keys(modelDiverts);
    const now = judged.filter(
      (name) => modelDiverts[name]?.diverted && seen.some((peer) => isFitFor(peer, [name])),
    );
    const started = now.filter((name) => !models.includes(name));
    models = now;
    if (started.length > 0)
      tap.divert(
        (model) => model !== undefined && judgedAs(judged, model).some((name) => started.includes(name)),
      );
  };
}
