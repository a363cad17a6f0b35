import { Fault, Release, type ServiceConfig, verifyRelease } from "@locum/contracts";
import type { Store } from "./store.ts";

export type ReleaseShelf = {
  of(service: string): readonly Release[];
  find(digest: string): Release | undefined;
  /**
   * Verifies a release from outside and stores it. `added` is false where it was known with the same approvals.
   * @throws Fault not-found | release-invalid | release-unapproved | storage-failed | disk-full
   */
  put(value: unknown): Promise<{ release: Release; added: boolean }>;
  /** A service that came later: what is stored of it is verified and used from now on. */
  adopt(service: Pick<ServiceConfig, "service" | "approvers">): Promise<void>;
};

/** The approved releases, by service. Nothing is on it that no approver of its service signed, now and after a restart. */
export async function openReleaseShelf(
  known: readonly Pick<ServiceConfig, "service" | "approvers">[],
  store: Pick<Store, "putRelease" | "releases">,
): Promise<ReleaseShelf> {
  const shelf = new Map<string, Release>();
  const services = [...known];
  const verified = (value: unknown): Release => {
    const parsed = Release.safeParse(value);
    if (!parsed.success)
      throw new Fault(
        "release-invalid",
        `not a release: ${parsed.error.issues[0]?.message ?? "wrong shape"}`,
      );
    const { service } = parsed.data.body;
    const owner = services.find((one) => one.service === service);
    if (!owner) throw new Fault("not-found", `no service ${service} is configured here`);
    return verifyRelease(value, owner.approvers);
  };
  const takeStored = async (isWanted: (release: Release) => boolean): Promise<void> => {
    for (const stored of await store.releases()) {
      if (!isWanted(stored)) continue;
      try {
        shelf.set(stored.digest, verified(stored));
      } catch (error) {
        // Its approver or its service was taken out of the configuration since: it is kept, and not used.
        if (!(error instanceof Fault)) throw error;
      }
    }
  };
  await takeStored(() => true);
  return {
    async adopt(service) {
      if (services.some((known) => known.service === service.service)) return;
      services.push(service);
      await takeStored(({ body }) => body.service === service.service);
    },
    of: (service) => [...shelf.values()].filter(({ body }) => body.service === service),
    find: (digest) => shelf.get(digest),
    async put(value) {
      const release = verified(value);
      const known = shelf.get(release.digest);
      const keys = new Set(known?.approvals.map(({ keyId }) => keyId));
      if (known && release.approvals.every(({ keyId }) => keys.has(keyId)))
        return { release: known, added: false };
      const approvals = [
        ...(known?.approvals.filter(
          ({ keyId }) => !release.approvals.some((other) => other.keyId === keyId),
        ) ?? []),
        ...release.approvals,
      ];
      const merged = { ...release, approvals };
      await store.putRelease(merged);
      shelf.set(release.digest, merged);
      return { release: merged, added: true };
    },
  };
}
