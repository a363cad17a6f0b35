import type { Report } from "@locum/contracts";

/** Looks at everything twenty times a second from outside, so that what the demo prints is seen and not told. */
export type Sighting = {
  atMs: number;
  instance: string;
  verdict: string;
  failure: string;
  diverted: boolean;
  fit: boolean;
  role: string;
  epoch: number;
  bytes: string;
};
export type HealthCheck = { atMs: number; instance: string; said: string };

export type Onlookers = {
  sightings(): readonly Sighting[];
  checks(): readonly HealthCheck[];
  latest(instance: string): Sighting | undefined;
  stop(): void;
};

const sightMs = 50;
const checkMs = 250;
const patienceMs = 1000;

export function startOnlookers({
  sidecars,
  models,
  nowMs,
}: {
  sidecars: { id: string; control: string }[];
  models: { id: string; url: string }[];
  nowMs: () => number;
}): Onlookers {
  const sightings: Sighting[] = [];
  const checks: HealthCheck[] = [];
  const stopping = new AbortController();
  const each = (ms: number, look: () => Promise<void>) => {
    const timer = setInterval(() => void look().catch(() => undefined), ms);
    stopping.signal.addEventListener("abort", () => clearInterval(timer));
  };
  for (const { id, control } of sidecars) {
    each(sightMs, async () => {
      const atMs = nowMs();
      const { report } = (await (
        await fetch(`${control}/status`, { signal: AbortSignal.timeout(patienceMs) })
      ).json()) as { report: Report };
      const { verdict, diverted, fit, role, epoch, bytes } = report;
      sightings.push({
        atMs,
        instance: id,
        verdict: verdict.kind,
        failure: "failure" in verdict ? verdict.failure : "",
        diverted,
        fit,
        role,
        epoch,
        bytes,
      });
    });
  }
  for (const { id, url } of models) {
    each(checkMs, async () => {
      const atMs = nowMs();
      const said = await fetch(`${url}/v2/health/ready`, { signal: AbortSignal.timeout(patienceMs) }).then(
        (answer) => answer.arrayBuffer().then(() => (answer.ok ? "200 ready" : `${answer.status}`)),
        (error: Error) => (error.name === "TimeoutError" ? "time-out" : "refused"),
      );
      checks.push({ atMs, instance: id, said });
    });
  }
  return {
    sightings: () => sightings,
    checks: () => checks,
    latest: (instance) => sightings.findLast((sighting) => sighting.instance === instance),
    stop: () => stopping.abort(),
  };
}
