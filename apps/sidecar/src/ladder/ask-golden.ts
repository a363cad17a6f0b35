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
  bothWays = false,
}: {
  server: ModelServer;
  expectations: readonly [Expectation, ...Expectation[]];
  timeoutMs: number;
  clock: { monotonicMs(): number };
  /** Tells a server that breaks off its answers from one that is not there. */
  isListening: () => Promise<boolean>;
  /** Looks for releases that were approved a moment ago: an answer that none explains may be theirs. */
  newer: () => Promise<readonly Expectation[]>;
  /**
   * After a reload: what passes is asked once more as a client asks it, since users get what caches hold. Counted is
   * what both answers say; one that did not come takes nothing away, for it went to nobody.
   */
  bothWays?: boolean;
}): Promise<GoldenProbe> {
  const [{ golden }] = expectations;
  const startedMs = clock.monotonicMs();
  let judged: Judged;
  let latencyMs: number | undefined;
  try {
    const { outputs, cached } = await server.infer(golden.model, golden.request, { timeoutMs });
    judged =
      cached === true
        ? silent("cached", "answered from a cache: proves nothing")
        : await judgeLate(outputs, expectations, newer);
    latencyMs = clock.monotonicMs() - startedMs;
    if (bothWays && judged.passes.length > 0)
      judged = agreed(judged, await askAsClient({ server, expectations, timeoutMs, newer }));
  } catch (error) {
    judged = silent(await outcomeOf(error, isListening), messageOf(error));
  }
  const atMs = clock.monotonicMs();
  return {
    kind: "golden",
    atMs,
    golden: golden.id,
    model: golden.model,
    latencyMs: latencyMs ?? atMs - startedMs,
    ...judged,
  };
}

/** Null where no answer came. Whether it is from a cache does not matter: users get it. */
async function askAsClient({
  server,
  expectations,
  timeoutMs,
  newer,
}: Pick<
  Parameters<typeof askGolden>[0],
  "server" | "expectations" | "timeoutMs" | "newer"
>): Promise<Judged | null> {
  const [{ golden }] = expectations;
  try {
    const { outputs } = await server.infer(golden.model, golden.request, { timeoutMs, salted: false });
    return await judgeLate(outputs, expectations, newer);
  } catch {
    return null;
  }
}

function agreed(salted: Judged, plain: Judged | null): Judged {
  if (plain === null) return salted;
  const passes = salted.passes.filter((release) => plain.passes.includes(release));
  if (passes.length > 0) return { ...salted, passes };
  const fails = [...new Set([...salted.fails, ...plain.fails, ...salted.passes])];
  const detail = `the model is right, and a cache answers with what it was: ${plain.detail}`;
  return { ...plain, passes, fails, detail: detail.slice(0, 500) };
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
