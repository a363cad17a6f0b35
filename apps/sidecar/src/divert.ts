import type { Digest, Policy, Verdict } from "@locum/contracts";

export type DivertInput = {
  verdict: Verdict;
  release: Digest | null;
  policy: Pick<Policy, "frozen" | "allWrong"> | null;
  /** The collector's permit for soft verdicts, fresh; null where none is at hand. */
  mayEject: boolean | null;
  /** A person or an act of repair asked for it. */
  drained: boolean;
  /** The service only watches itself: what would be done is said, and not done. */
  dryRun: boolean;
};

export type Divert = { diverted: boolean; why: string };

const stay = (why: string): Divert => ({ diverted: false, why });

/**
 * Whether new requests should go elsewhere: from the verdict alone, at once, without anybody's help. Whether there
 * is an elsewhere is asked for each request (`routeOrder`): the last instance keeps serving while it is diverted.
 */
export function decideDivert({ verdict, release, policy, mayEject, drained, dryRun }: DivertInput): Divert {
  if (drained) return { diverted: true, why: "drained" };
  if (verdict.kind !== "failed") return stay(verdict.kind);
  const isFrozen = release !== null && policy?.frozen.includes(release) === true;
  // Wrong everywhere is not this instance's failure: moving its traffic would move it to the same answers.
  if (isFrozen && policy?.allWrong !== "refuse") return stay("its release fails everywhere");
  const why = `${verdict.failure}: ${verdict.evidence.map(({ detail }) => detail).join("; ")}`.slice(0, 1000);
  if (dryRun) return stay(`dry run, would divert: ${why}`.slice(0, 1000));
  if (verdict.hard) return { diverted: true, why };
  return mayEject === true
    ? { diverted: true, why }
    : stay("a soft verdict, and no permit: capacity would not stay");
}
