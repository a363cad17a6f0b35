import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, Role, SignedPolicy } from "@locum/contracts";
import { removeDrafts, writeFileAtomic } from "@locum/runtime";
import { z } from "zod";

/** What must outlive this process, so that an old order is refused after a restart too. */
const Held = z.strictObject({ term: z.number().int(), epoch: z.number().int(), role: Role });
export type Held = z.infer<typeof Held>;

const KeptPolicy = z.strictObject({ policyKey: z.string(), signed: SignedPolicy.nullable() });
export type KeptPolicy = z.infer<typeof KeptPolicy>;

export type Identity = {
  held: Held | null;
  policy: KeptPolicy | null;
  /** @throws Fault disk-full | storage-failed */
  saveHeld(held: Held): Promise<void>;
  savePolicy(policy: KeptPolicy): Promise<void>;
};

/** Term, epoch, role and policy of one instance in its state folder. @throws Fault storage-failed */
export async function openIdentity(stateDir: string): Promise<Identity> {
  const heldFile = join(stateDir, "identity.json");
  const policyFile = join(stateDir, "policy.json");
  await removeDrafts(heldFile);
  await removeDrafts(policyFile);
  // Writes stand in line: an older epoch must never replace a newer one on disk.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = (write: () => Promise<void>): Promise<void> => {
    const turn = line.then(write);
    line = turn.catch(() => {});
    return turn;
  };
  return {
    held: await readKept(heldFile, Held),
    policy: await readKept(policyFile, KeptPolicy),
    saveHeld: (held) => inLine(() => writeFileAtomic(heldFile, JSON.stringify(held), { mode: 0o600 })),
    savePolicy: (policy) =>
      inLine(() => writeFileAtomic(policyFile, JSON.stringify(policy), { mode: 0o600 })),
  };
}

/** Damaged is not absent: an epoch that was forgotten would let an old order pass. */
async function readKept<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Fault("storage-failed", `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Fault("storage-failed", `${file} is damaged`, {
      hint: "Put it back from a backup; or remove it, after making sure that no other sidecar runs as this instance.",
      cause: error,
    });
  }
}
