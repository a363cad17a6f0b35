import { type Digest, Fault, type Golden, type Probe, type Release } from "@locum/contracts";
import { matchGolden } from "@locum/coordination";
import type { ModelServer } from "@locum/serving";

type GoldenProbe = Extract<Probe, { kind: "golden" }>;
type Judged = Pick<GoldenProbe, "outcome" | "passes" | "fails" | "deltaMax" | "detail">;

/** One approved release's expectation of one golden. */
export type Expectation = { release: Digest; golden: Golden };

/** Who records this golden, among the approved releases. */
export const expectationsOf = (id: string, releases: readonly Release[]): Expectation[] =>
  releases.flatMap(({ digest, body }) => {
    const golden = body.goldens.find((one) => one.id === id);
    return golden ? [{ release: digest, golden }] : [];
  });

/**
 * Asks the model server one golden and judges the answer against every approved release that records it. Never
 * throws: what goes wrong is the finding.
 */
export async function askGolden({
  server,
  expectations,
  timeoutMs,
  clock,
  isListening,
  newer,
}: {
  server: ModelServer;
  expectations: readonly [Expectation, ...Expectation[]];
  timeoutMs: number;
  clock: { monotonicMs(): number };
  /** Tells a server that breaks off its answers from one that is not there. */
  isListening: () => Promise<boolean>;
  /** Looks for releases that were approved a moment ago: an answer that none explains may be theirs. */
  newer: () => Promise<readonly Expectation[]>;
}): Promise<GoldenProbe> {
  const [{ golden }] = expectations;
  const startedMs = clock.monotonicMs();
  let judged: Judged;
  try {
    const { outputs, cached } = await server.infer(golden.model, golden.request, { timeoutMs });
    judged =
      cached === true
        ? silent("cached", "answered from a cache: proves nothing")
        : await judgeLate(outputs, expectations, newer);
  } catch (error) {
    judged = silent(await outcomeOf(error, isListening), messageOf(error));
  }
  const atMs = clock.monotonicMs();
  return {
    kind: "golden",
    atMs,
    golden: golden.id,
    model: golden.model,
    latencyMs: atMs - startedMs,
    ...judged,
  };
}

async function judgeLate(
  outputs: Parameters<typeof matchGolden>[0],
  expectations: readonly Expectation[],
  newer: () => Promise<readonly Expectation[]>,
): Promise<Judged> {
  const judged = judge(outputs, expectations);
  return judged.passes.length > 0 ? judged : judge(outputs, await newer());
}

function judge(outputs: Parameters<typeof matchGolden>[0], expectations: readonly Expectation[]): Judged {
  const matches = expectations.map(({ release, golden }) => ({
    release,
    ...matchGolden(outputs, golden.expected),
  }));
  const passes = matches.filter(({ pass }) => pass).map(({ release }) => release);
  const fails = matches.filter(({ pass }) => !pass).map(({ release }) => release);
  const nearest = matches.reduce((least, match) => (match.deltaMax < least.deltaMax ? match : least));
  const deltaMax = Number.isFinite(nearest.deltaMax) ? nearest.deltaMax : Number.MAX_VALUE;
  const outcome = passes.length === 0 && matches.some(({ finite }) => !finite) ? "not-finite" : "answered";
  return { outcome, passes, fails, deltaMax, detail: nearest.detail.slice(0, 500) };
}

const silent = (outcome: GoldenProbe["outcome"], detail: string): Judged => ({
  outcome,
  passes: [],
  fails: [],
  deltaMax: 0,
  detail: detail.slice(0, 500),
});

async function outcomeOf(
  error: unknown,
  isListening: () => Promise<boolean>,
): Promise<GoldenProbe["outcome"]> {
  if (!(error instanceof Fault)) return "error";
  if (error.code === "upstream-timeout") return "timeout";
  if (error.code === "upstream-unreachable") return (await isListening()) ? "error" : "refused";
  return "error";
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
