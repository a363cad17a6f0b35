import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type CertificateSet, readBundle, readKey } from "./certificate-set.ts";

const dayMs = 86_400_000;
export const authorityLifeMs = 730 * dayMs;
export const leafLifeMs = 30 * dayMs;
/** Renewed at two thirds: the last third is for whatever keeps a renewal from happening. */
const renewShare = 2 / 3;
/** A new authority signs when every API server has had this long to read it in the caBundle. */
const publishMs = 3_600_000;
/** The newest, the one before, and one more where changes follow each other. */
const authoritiesMax = 3;

export type CertificatePlan = {
  authority: "keep" | "renew";
  leaf: "keep" | "renew";
  /** The authorities that stay trusted, oldest first. */
  trusted: X509Certificate[];
  /** For the log; null where nothing is to be done. */
  why: string | null;
};

/**
 * What of a set is to be renewed at this moment. Pure. The order is what keeps a change from being seen: a new
 * authority is published first, and signs at the next renewal of the leaf that is at least an hour later; the old one
 * stays trusted until its own end.
 */
export function planCertificates(
  set: CertificateSet,
  { nowMs, names }: { nowMs: number; names: readonly string[] },
): CertificatePlan {
  const trusted = readBundle(set.authorities)
    .filter((authority) => authority.ca && authority.validToDate.getTime() > nowMs)
    .slice(-authoritiesMax);
  const newest = trusted.at(-1);
  const authorityFault = faultOfAuthority(newest, set.authorityKey, nowMs);
  const leafFault = faultOfLeaf(set, trusted, { nowMs, names });
  const plan = (
    authority: "keep" | "renew",
    leaf: "keep" | "renew",
    why: string | null,
  ): CertificatePlan => ({
    authority,
    leaf,
    trusted,
    why,
  });
  if (authorityFault)
    return plan("renew", leafFault && leafFault !== due ? "renew" : "keep", `authority: ${authorityFault}`);
  if (leafFault === null) return plan("keep", "keep", null);
  const isPublished = newest !== undefined && newest.validFromDate.getTime() + publishMs <= nowMs;
  if (leafFault === due && !isPublished) return plan("keep", "keep", null);
  return plan("keep", "renew", `certificate: ${leafFault}`);
}

const due = "two thirds of its life are over";

function faultOfAuthority(newest: X509Certificate | undefined, keyPem: string, nowMs: number): string | null {
  if (!newest) return "there is none";
  const key = readKey(keyPem);
  if (!key || !newest.checkPrivateKey(key)) return "its key is missing, or another's";
  return isDue(newest, nowMs) ? due : null;
}

function faultOfLeaf(
  { cert, key: keyPem }: CertificateSet,
  trusted: readonly X509Certificate[],
  { nowMs, names }: { nowMs: number; names: readonly string[] },
): string | null {
  const [leaf] = readBundle(cert);
  if (!leaf) return "there is none";
  const key = readKey(keyPem);
  if (!key || !leaf.checkPrivateKey(key)) return "its key is missing, or another's";
  if (leaf.validToDate.getTime() <= nowMs) return "it has expired";
  if (!trusted.some((authority) => leaf.checkIssued(authority) && leaf.verify(authority.publicKey)))
    return "no trusted authority has signed it";
  const missing = names.find((name) => !(isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)));
  if (missing !== undefined) return `it is not for ${missing}`;
  return isDue(leaf, nowMs) ? due : null;
}

function isDue({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  const fromMs = validFromDate.getTime();
  return nowMs >= fromMs + (validToDate.getTime() - fromMs) * renewShare;
}
