import { createClient, Fault } from "@locum/contracts";
import { type Clock, type Random, retry } from "@locum/runtime";
import type { KeyOpener } from "@locum/snapshot/repository";

export type KeysOfCollector = {
  url: string;
  token: () => Promise<string>;
  ca: () => Promise<string | undefined>;
  service: string;
  instance: string;
  clock: Clock;
  random: Pick<Random, "next">;
};

/** As many as one call takes. */
const filesMax = 64;

type FileKeys = Awaited<ReturnType<KeyOpener["open"]>>;

/** `expect` names files in the order in which they will be opened: their keys come with that of the first of them. */
export type CollectorKeys = KeyOpener & { expect(names: readonly string[]): void };

/**
 * Keys of what one snapshot needs, by the collector's leave: this machine holds no private key. Kept for as long as the
 * restore that they are for.
 */
export function keysOfCollector(
  snapshot: string,
  { url, token, ca, service, instance, clock, random }: KeysOfCollector,
): CollectorKeys {
  /** By file, the answer that its keys are in, or were asked for with. */
  const known = new Map<string, Promise<ReadonlyMap<string, FileKeys>>>();
  let expected: readonly string[] = [];

  const ask = async (files: string[]): Promise<Map<string, FileKeys>> => {
    const authority = await ca();
    const client = createClient({
      baseUrl: url,
      token: await token(),
      ...(authority === undefined ? {} : { ca: authority }),
    });
    const { keys } = await client.openSnapshotKeys(service, snapshot, { instance, files });
    return new Map(
      keys.map(({ name, fileKey, idKey }) => [
        name,
        { fileKey: Buffer.from(fileKey, "base64"), idKey: Buffer.from(idKey, "base64") },
      ]),
    );
  };
  const askAgain = (files: string[]) => retry(() => ask(files), { clock, random, baseMs: 200, capMs: 5000 });
  /** One that the collector does not give is no reason to have none of the others. */
  const askWith = async (name: string, others: readonly string[]): Promise<Map<string, FileKeys>> => {
    try {
      return await askAgain([name, ...others]);
    } catch (error) {
      if (others.length === 0 || !(error instanceof Fault && error.code === "not-found")) throw error;
      return askAgain([name]);
    }
  };
  const begin = (name: string): Promise<ReadonlyMap<string, FileKeys>> => {
    const at = expected.indexOf(name);
    const next = at < 0 ? [] : expected.slice(at + 1).filter((one) => !known.has(one));
    const batch = [name, ...next.slice(0, filesMax - 1)];
    const asked = askWith(name, batch.slice(1));
    for (const one of batch) known.set(one, asked);
    asked.catch(() => {
      for (const one of batch) if (known.get(one) === asked) known.delete(one);
    });
    return asked;
  };
  return {
    expect(names) {
      expected = names;
    },
    async open({ name }) {
      const keys = (await (known.get(name) ?? begin(name))).get(name) ?? (await begin(name)).get(name);
      if (!keys) throw new Fault("not-authorised", `the collector gave no key of ${name}`);
      return keys;
    },
  };
}
