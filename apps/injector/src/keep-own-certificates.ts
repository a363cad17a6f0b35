import { Fault } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { CertificateSecret } from "./adapters/certificate-secret.ts";
import type { CertificateSet } from "./certificates/certificate-set.ts";
import { planCertificates } from "./certificates/plan-certificates.ts";

export type OwnCertificates = {
  secret: CertificateSecret;
  /** Tells the API server whom to trust. */
  publish(authorities: string): Promise<"kept" | "written" | "absent">;
  /** Serves it from now on. */
  use(pem: { cert: string; key: string }): void;
  names: readonly string[];
  clock: Pick<Clock, "wallMs">;
  log: Log;
};

const triesMax = 5;

/**
 * One look: what all replicas agree on in the Secret, renewed where it is due, published, and served. Idempotent.
 *
 * No Lease and no leader: the Secret itself decides. Two replicas that find it due at once both make a set; one write
 * wins, the other one reads the winner's. A leader that hangs could only delay that, and one that was evicted while it
 * held the Lease did, in injectors that elect one.
 *
 * @returns whether the API server trusts what is served now
 * @throws Fault, as a Kubernetes call does; what is served is then as before
 */
export async function lookAtCertificates(
  deps: OwnCertificates,
  served: CertificateSet | null,
): Promise<{ set: CertificateSet; trusted: boolean }> {
  const set = await agreedSet(deps);
  // In this order: a certificate that nobody trusts yet is not served, as long as there is another.
  const published = await deps.publish(set.authorities).catch((error: unknown) => {
    if (served === null) return error;
    throw error;
  });
  if (set.cert !== served?.cert || set.key !== served.key) deps.use(set);
  if (published === "written") deps.log("info", "the API server was told whom to trust");
  if (published instanceof Error) throw published;
  return { set, trusted: published !== "absent" };
}

async function agreedSet({ secret, names, clock, log }: OwnCertificates): Promise<CertificateSet> {
  for (let attempt = 1; attempt <= triesMax; attempt += 1) {
    const state = await secret.read();
    const nowMs = clock.wallMs();
    const plan = planCertificates(state.set, { nowMs, names });
    if (plan.why === null) return state.set;
    // Loaded when it is needed, about once in three weeks: it is the larger part of this program.
    const { issueCertificates } = await import("./certificates/issue-certificates.ts");
    const set = await issueCertificates(state.set, plan, { nowMs, names });
    if (await secret.write(set, state)) {
      log("info", "certificates were renewed", { reason: plan.why });
      return set;
    }
  }
  throw new Fault("conflict", `the Secret was written by others ${triesMax} times in a row`, {
    hint: "Does something else keep restoring it?",
  });
}
