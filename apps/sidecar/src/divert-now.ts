import { type Divert, decideDivert } from "./divert.ts";
import type { DrivePorts, DriveState } from "./drive.ts";

type Ports = Pick<DrivePorts, "clock" | "permitMaxAgeMs" | "dryRun" | "drainsWhole" | "peerFit">;
type Diverts = Pick<DriveState, "divert" | "modelDiverts">;

/**
 * Where new requests of this instance go now. Of several models each is sent away by itself, so that its neighbours
 * stay; where nothing stands in the path to part them, all go, and only if another instance is fit for all of them.
 */
export function divertNow(state: DriveState, ports: Ports): Diverts {
  const modelDiverts = divertModels(state, ports);
  const divert = wholeDivert(state, modelDiverts, ports);
  return { divert: same(state.divert, divert) ? state.divert : divert, modelDiverts };
}

/** Whether an act of repair or a person asked for it: of the whole instance, or of one model. */
export function isDrained({ drains }: Pick<DriveState, "drains">, model: string | null = null): boolean {
  for (const models of drains.values())
    if (models === null || (model !== null && models.includes(model))) return true;
  return false;
}

function wholeDivert(state: DriveState, modelDiverts: DriveState["modelDiverts"], ports: Ports): Divert {
  const { health, policy, divert } = state;
  const { verdict } = health;
  const next = decideDivert({
    verdict,
    release: health.goldens.current,
    policy,
    mayEject: permitOf(state, divert.diverted && verdict.kind === "failed", ports),
    drained: isDrained(state),
    dryRun: ports.dryRun,
  });
  if (next.diverted || verdict.kind === "failed" || !ports.drainsWhole) return next;
  const wrong = Object.entries(modelDiverts).filter(([, { diverted }]) => diverted);
  if (wrong.length === 0) return next;
  const why = wrong.map(([name, one]) => `${name}: ${one.why}`).join("; ");
  const whole = ports.peerFit()
    ? `another instance is fit for every model; ${why}`
    : `no other instance is fit for every model: its neighbours are served; ${why}`;
  return { diverted: ports.peerFit(), why: whole.slice(0, 1000) };
}

function divertModels(state: DriveState, ports: Ports): DriveState["modelDiverts"] {
  const { health, policy, modelDiverts } = state;
  const next: Record<string, Divert> = {};
  let changed = false;
  for (const [name, { verdict, goldens }] of Object.entries(health.models)) {
    const before = modelDiverts[name];
    const release = goldens.current;
    const isFrozen = release !== null && policy?.frozenModels?.[release]?.includes(name) === true;
    const now = decideDivert({
      verdict,
      release,
      policy: policy && (isFrozen ? { ...policy, frozen: [release] } : policy),
      mayEject: permitOf(state, before?.diverted === true && verdict.kind === "failed", ports),
      drained: isDrained(state, name),
      dryRun: ports.dryRun,
    });
    const kept = before && same(before, now) ? before : now;
    changed ||= kept !== before;
    next[name] = kept;
  }
  return changed || Object.keys(modelDiverts).length !== Object.keys(next).length ? next : modelDiverts;
}

/** A permit that was used stays used: the collector counts this instance as gone from then on. */
function permitOf({ permit }: DriveState, isUsed: boolean, { clock, permitMaxAgeMs }: Ports): boolean | null {
  if (isUsed) return true;
  return permit !== null && clock.monotonicMs() - permit.atMs <= permitMaxAgeMs ? permit.mayEject : null;
}

const same = (a: Divert, b: Divert): boolean => a.diverted === b.diverted && a.why === b.why;
