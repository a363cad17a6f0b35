import { digestOf, type Release } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";
import type { LadderClock, Tell } from "./rung.ts";

/**
 * Which approved releases the served metadata belongs to. A model that does not answer now leaves the question open:
 * nothing is told.
 */
export async function askConfiguration({
  server,
  releases,
  timeoutMs,
  clock,
  tell,
}: {
  server: ModelServer;
  releases: readonly Release[];
  timeoutMs: number;
  clock: LadderClock;
  tell: Tell;
}): Promise<void> {
  const startedMs = clock.monotonicMs();
  const names = [...new Set(releases.flatMap(({ body }) => Object.keys(body.configuration)))].slice(
    0,
    modelsMax,
  );
  if (names.length === 0) return;
  const served = new Map<string, string>();
  try {
    for (const name of names) served.set(name, digestOf(await server.metadata(name, { timeoutMs })));
  } catch {
    return;
  }
  const matches = releases
    .filter(({ body }) =>
      Object.entries(body.configuration).every(([name, digest]) => served.get(name) === digest),
    )
    .map(({ digest }) => digest);
  tell({
    probe: {
      kind: "configuration",
      atMs: clock.monotonicMs(),
      matches,
      detail: `${matches.length} of ${releases.length} releases describe what is served`,
    },
    startedMs,
    timeout: false,
  });
}

const modelsMax = 16;
