import { type CertificateSet, readSet } from "./certificate-set.ts";
import { issueCertificates } from "./issue-certificates.ts";
import { planCertificates } from "./plan-certificates.ts";

/** A new set, or a given one with a new certificate, or with a new authority that has signed nothing yet. */
export async function someSet({
  over = null,
  renew = "leaf",
  nowMs = Date.now(),
  names = ["127.0.0.1"],
}: {
  over?: CertificateSet | null;
  renew?: "leaf" | "authority";
  nowMs?: number;
  names?: readonly string[];
} = {}): Promise<CertificateSet> {
  const set = over ?? readSet({});
  const plan = planCertificates(set, { nowMs, names });
  const leaf = !over || renew === "leaf" ? "renew" : "keep";
  const authority = !over || renew === "authority" ? "renew" : "keep";
  return issueCertificates(set, { ...plan, leaf, authority }, { nowMs, names });
}
