import { digestOf, type Release } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";
import type { LadderClock, Tell } from "./rung.ts";

/**
 * Which approved releases the served metadata belongs to, as a whole and model by model. A model that does not answer
 * now leaves its own question open; nothing is told where none answers.
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
  for (const name of names) {
    const metadata = await server.metadata(name, { timeoutMs }).catch(() => null);
    if (metadata) served.set(name, digestOf(metadata));
  }
  if (served.size === 0) return;
  const models = Object.fromEntries(
    [...served].map(([name, digest]) => [name, releasesWith(releases, (one) => one[name] === digest)]),
  );
  const matches = releasesWith(releases, (described) =>
    Object.entries(described).every(([name, digest]) => !served.has(name) || served.get(name) === digest),
  );
  tell({
    probe: {
      kind: "configuration",
      atMs: clock.monotonicMs(),
      matches,
      models,
      detail: `${matches.length} of ${releases.length} releases describe what is served`,
    },
    startedMs,
    timeout: false,
  });
}

const releasesWith = (
  releases: readonly Release[],
  test: (configuration: Release["body"]["configuration"]) => boolean,
): string[] => releases.filter(({ body }) => test(body.configuration)).map(({ digest }) => digest);

const modelsMax = 64;
