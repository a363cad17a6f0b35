import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CertificateSet, readBundle, readSet, writeSet } from "./certificate-set.ts";
import { issueCertificates } from "./issue-certificates.ts";
import { planCertificates } from "./plan-certificates.ts";

const names = ["locum-injector.locum-system.svc", "127.0.0.1"];
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const startMs = Date.UTC(2030, 0, 1);
const none = readSet(undefined);

/** One look at the set, as each replica does it. */
async function look(set: CertificateSet, nowMs: number) {
  const plan = planCertificates(set, { nowMs, names });
  return { plan, set: plan.why === null ? set : await issueCertificates(set, plan, { nowMs, names }) };
}
const leafOf = ({ cert }: CertificateSet) => new X509Certificate(cert);
const signerOf = (set: CertificateSet): number =>
  readBundle(set.authorities).findIndex((authority) => leafOf(set).verify(authority.publicKey));
const isValid = (set: CertificateSet, nowMs: number): boolean => {
  const leaf = leafOf(set);
  const authority = readBundle(set.authorities)[signerOf(set)];
  return (
    authority !== undefined &&
    [leaf, authority].every(
      ({ validFromDate, validToDate }) => validFromDate.getTime() <= nowMs && nowMs < validToDate.getTime(),
    )
  );
};

test("the first set: an authority of two years, a certificate of thirty days for the names", async () => {
  const { set } = await look(none, startMs);
  const leaf = leafOf(set);
  const [authority] = readBundle(set.authorities);
  expect(authority?.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(authority?.validToDate.getTime()).toBe(startMs + 730 * dayMs);
  expect(leaf.validToDate.getTime()).toBe(startMs + 30 * dayMs);
  expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(leaf.checkHost("locum-injector.locum-system.svc")).toBeDefined();
  expect(leaf.checkIP("127.0.0.1")).toBeDefined();
  expect(leaf.checkHost("elsewhere.svc")).toBeUndefined();
  expect(planCertificates(set, { nowMs: startMs, names }).why).toBeNull();
});

test("the set comes back out of its Secret", async () => {
  const { set } = await look(none, startMs);
  expect(readSet(JSON.parse(JSON.stringify(writeSet(set))))).toEqual(set);
});

test("six years, looked at every other day: never without a valid certificate, and never signed by what is not yet known", async () => {
  let { set } = await look(none, startMs);
  let renewals = 0;
  let authorities = 0;
  for (let nowMs = startMs; nowMs < startMs + 2190 * dayMs; nowMs += 2 * dayMs) {
    const before = set;
    const { plan, set: next } = await look(set, nowMs);
    if (plan.leaf === "renew") renewals += 1;
    if (plan.authority === "renew") {
      authorities += 1;
      // Whoever trusts the bundle of before still trusts what is served.
      expect(next.cert).toBe(before.cert);
    }
    const known = new Set(readBundle(before.authorities).map(({ fingerprint256 }) => fingerprint256));
    const signer = readBundle(next.authorities)[signerOf(next)];
    expect(known.has(signer?.fingerprint256 ?? "")).toBe(true);
    expect(isValid(next, nowMs)).toBe(true);
    expect(readBundle(next.authorities).length).toBeLessThanOrEqual(3);
    set = next;
  }
  expect(renewals).toBeGreaterThan(2190 / 22.1);
  expect(authorities).toBeGreaterThanOrEqual(4);
});

describe("renewed at once", () => {
  test.each<[string, (set: CertificateSet, other: CertificateSet) => CertificateSet, string]>([
    ["no key", (set) => ({ ...set, key: "" }), "certificate"],
    ["another's key", (set, other) => ({ ...set, key: other.key }), "certificate"],
    [
      "another authority",
      (set, other) => ({ ...set, authorities: other.authorities, authorityKey: other.authorityKey }),
      "certificate",
    ],
    ["no authority", (set) => ({ ...set, authorities: "" }), "authority"],
    ["no key of the authority", (set) => ({ ...set, authorityKey: "x" }), "authority"],
    ["garbage", () => ({ authorities: "a", authorityKey: "b", cert: "c", key: "d" }), "authority"],
  ])("%s", async (_what, harm, word) => {
    const harmed = harm((await look(none, startMs)).set, (await look(none, startMs)).set);
    const { plan, set } = await look(harmed, startMs + 1);
    expect(plan.why).toMatch(word);
    expect(isValid(set, startMs + 1)).toBe(true);
    expect(planCertificates(set, { nowMs: startMs + 1, names }).why).toBeNull();
  });

  test("a certificate that has expired, and one for another service", async () => {
    const { set } = await look(none, startMs);
    const late = await look(set, startMs + 31 * dayMs);
    expect(late.plan).toMatchObject({ authority: "keep", leaf: "renew" });
    expect(isValid(late.set, startMs + 31 * dayMs)).toBe(true);
    const moved = planCertificates(set, { nowMs: startMs, names: ["other.ns.svc"] });
    expect(moved.why).toContain("other.ns.svc");
  });
});

test("a young authority waits until it is known, but not while there is no certificate", async () => {
  const { set } = await look(none, startMs);
  const dueMs = startMs + 500 * dayMs;
  const leafAtMs = dueMs - 21 * dayMs;
  const before = await issueCertificates(
    set,
    { authority: "keep", leaf: "renew", trusted: readBundle(set.authorities), why: "" },
    { nowMs: leafAtMs, names },
  );
  const first = await look(before, dueMs);
  expect(first.plan).toMatchObject({ authority: "renew", leaf: "keep" });
  expect(planCertificates(first.set, { nowMs: dueMs + hourMs / 2, names }).why).toBeNull();
  const later = await look(first.set, dueMs + 2 * hourMs);
  expect(later.plan).toMatchObject({ authority: "keep", leaf: "renew" });
  expect(signerOf(later.set)).toBe(1);
  const lost = await look({ ...first.set, cert: "" }, dueMs + 1);
  expect(isValid(lost.set, dueMs + 1)).toBe(true);
});

test("property: whatever stands in the Secret, one look makes a set that holds", async () => {
  const { set } = await look(none, startMs);
  const part = fc.oneof(
    fc.constantFrom(...Object.values(set)),
    fc.string(),
    fc.constantFrom(...Object.values(set)).chain((pem) => fc.nat(pem.length).map((cut) => pem.slice(0, cut))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.record({ authorities: part, authorityKey: part, cert: part, key: part }),
      async (given) => {
        const { set: made } = await look(given, startMs + 1);
        expect(isValid(made, startMs + 1)).toBe(true);
        expect(planCertificates(made, { nowMs: startMs + 1, names }).why).toBeNull();
      },
    ),
    { numRuns: 60 },
  );
});
