import { hash } from "node:crypto";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import { type LogFs, nodeLogFs, storageFault } from "./log-fs.ts";

/**
 * Personal values outside of the log. A record holds a commitment only, which tells nothing without the salt: when the
 * vault forgets a person, the record and every proof of it stay as they are, and say nothing of anybody any more.
 */
export type Vault = {
  /** Keeps the value durably and gives what may be written into a record. */
  keep(person: string, value: string): Promise<string>;
  /** The value of a commitment, as long as its person is not forgotten. */
  reveal(person: string, commitment: string): Promise<string | undefined>;
  /** A file of this person is there, whether or not it can be read. */
  isKept(person: string): Promise<boolean>;
  /** Every value that is not forgotten, by its commitment; what is damaged cannot be told and is left out. */
  openings(): Promise<Map<string, string>>;
  /** Empties the file of a person durably and removes it; their bytes are the disk's to reuse. The intent is to be in the log before, the result after. False: none was there. */
  forget(person: string): Promise<boolean>;
};

const Kept = z.strictObject({
  salt: z.string().regex(/^[0-9a-f]{64}$/),
  values: z.array(z.string().max(1000)).max(1000),
});
type Kept = z.infer<typeof Kept>;

/** `randomBytes` gives the salts: 32 bytes that nobody can guess. */
export function openVault({
  dir,
  randomBytes,
  fs = nodeLogFs,
}: {
  dir: string;
  randomBytes: (count: number) => Buffer;
  fs?: LogFs;
}): Vault {
  const turns = new Map<string, Promise<unknown>>();
  /** One at a time for a person: each reads the file and writes it. */
  const inTurn = <T>(person: string, work: (path: string) => Promise<T>): Promise<T> => {
    const path = join(dir, fileOf(person));
    const next = (turns.get(path) ?? Promise.resolve())
      .then(() => work(path))
      .catch((error: unknown) => {
        throw storageFault(`${dir} was not written`, error);
      });
    const settled = next.then(
      () => {},
      () => {},
    );
    turns.set(path, settled);
    void settled.then(() => turns.get(path) === settled && turns.delete(path));
    return next;
  };

  return {
    keep: (person, value) =>
      inTurn(person, async (path) => {
        const kept = (await read(fs, path)) ?? { salt: randomBytes(32).toString("hex"), values: [] };
        let index = kept.values.indexOf(value);
        if (index === -1) {
          index = kept.values.length;
          const next = Kept.safeParse({ ...kept, values: [...kept.values, value] });
          if (!next.success)
            throw new Fault("request-invalid", "expected at most 1000 values of 1000 characters of a person");
          await fs.list(dir);
          await fs.replace(path, JSON.stringify(next.data));
        }
        return commitmentOf(kept.salt, index, value);
      }),
    reveal: (person, commitment) =>
      inTurn(person, async (path) => {
        const kept = await read(fs, path);
        return kept?.values.find((value, index) => commitmentOf(kept.salt, index, value) === commitment);
      }),
    isKept: (person) => inTurn(person, async (path) => (await fs.readSmall(path)) !== undefined),
    async openings() {
      const found = new Map<string, string>();
      for (const name of await fs.list(dir)) {
        if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
        const kept = await read(fs, join(dir, name)).catch(damagedIsNone);
        for (const [index, value] of (kept?.values ?? []).entries())
          found.set(commitmentOf(kept?.salt ?? "", index, value), value);
      }
      return found;
    },
    forget: (person) =>
      inTurn(person, async (path) => {
        const there = (await fs.readSmall(path)) !== undefined;
        // A name that was removed can come back after a crash: it comes back empty.
        if (there) await fs.replace(path, JSON.stringify({ salt: "0".repeat(64), values: [] }));
        await fs.remove(path);
        return there;
      }),
  };
}

/** SHA-256(salt ‖ index ‖ value): two equal values of one person are one, of two persons are two. */
export const commitmentOf = (salt: string, index: number, value: string): string =>
  `sha256:${hash("sha256", Buffer.concat([Buffer.from(salt, "hex"), Buffer.from(`${index}\n${value}`)]), "hex")}`;

function damagedIsNone(error: unknown): undefined {
  if (!(error instanceof Fault)) throw error;
}

async function read(fs: LogFs, path: string): Promise<Kept | undefined> {
  const text = await fs.readSmall(path);
  if (text === undefined) return undefined;
  const kept = Kept.safeParse(parse(text));
  if (kept.success) return kept.data;
  throw new Fault("storage-failed", `${path} is damaged: its values cannot be told any more`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A name says who it is of; its hash can be a file name whatever is in it. */
const fileOf = (person: string): string => `${hash("sha256", person, "hex")}.json`;
