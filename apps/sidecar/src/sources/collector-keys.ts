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

type Waiting = {
  name: string;
  resolve(keys: Awaited<ReturnType<KeyOpener["open"]>>): void;
  reject(error: unknown): void;
};

/**
 * Keys of what one snapshot needs, by the collector's leave: this machine holds no private key. Files that are opened in
 * one turn of the loop are asked for in one call.
 */
export function keysOfCollector(
  snapshot: string,
  { url, token, ca, service, instance, clock, random }: KeysOfCollector,
): KeyOpener {
  let waiting: Waiting[] = [];

  const ask = async (batch: readonly Waiting[]): Promise<void> => {
    const authority = await ca();
    const client = createClient({
      baseUrl: url,
      token: await token(),
      ...(authority === undefined ? {} : { ca: authority }),
    });
    const files = batch.map(({ name }) => name);
    const { keys } = await client.openSnapshotKeys(service, snapshot, { instance, files });
    for (const { name, resolve, reject } of batch) {
      const found = keys.find((one) => one.name === name);
      if (!found) reject(new Fault("not-authorised", `the collector gave no key of ${name}`));
      else
        resolve({ fileKey: Buffer.from(found.fileKey, "base64"), idKey: Buffer.from(found.idKey, "base64") });
    }
  };
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let at = 0; at < all.length; at += filesMax) {
      const batch = all.slice(at, at + filesMax);
      retry(() => ask(batch), { clock, random, baseMs: 200, capMs: 5000 }).catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      });
    }
  };
  return {
    open: ({ name }) =>
      new Promise((resolve, reject) => {
        waiting.push({ name, resolve, reject });
        if (waiting.length === 1) setImmediate(flush);
      }),
  };
}
