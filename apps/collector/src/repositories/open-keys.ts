import { setImmediate } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import {
  type KeyOpener,
  loadIndex,
  neededFiles,
  openFileKeys,
  type Repository,
  readRef,
  readSnapshot,
} from "@locum/snapshot/repository";
import type { SnapshotKeys } from "./repository-jobs.ts";

type Asked = { service: string; id: string; files: readonly string[]; isGranted: boolean };
type Needed = { names: ReadonlySet<string>; atMs: number };

/** Snapshots whose needs are remembered: a restore asks for hundreds of files, sixty-four at a time. */
const rememberedMax = 8;
/** Garbage collection may have written a pack anew: then it is looked again, and not for every wrong name. */
const lookAgainMs = 10_000;
const named = /^(latest|served|last-known-good|release-[a-z0-9._-]{1,90})$/;

/**
 * Opens keys for who holds no private key. Only of snapshots that a channel of the service names, only of files that
 * such a snapshot needs; everything else is answered alike, so that nothing is learnt by asking.
 */
export function createKeyDesk({
  opener,
  wallMs,
}: {
  opener: KeyOpener;
  wallMs: () => number;
}): (repository: Repository, asked: Asked) => Promise<SnapshotKeys> {
  const remembered = new Map<string, Needed>();

  async function lookAt(repository: Repository, { service, id }: Asked): Promise<Needed> {
    const { stub, body } = await readSnapshot(repository, id, { opener });
    // The stub is bound into the sealed body: unlike a channel it cannot say another's name.
    if (stub.model !== service) throw unknown({ service, id });
    const { index } = await loadIndex(repository, { for: "reader", repair: false });
    const found = { names: neededFiles(id, body, index), atMs: wallMs() };
    const [oldest] = remembered.keys();
    if (remembered.size >= rememberedMax && oldest !== undefined) remembered.delete(oldest);
    remembered.set(`${service} ${id}`, found);
    return found;
  }

  async function needsOf(repository: Repository, asked: Asked): Promise<Needed> {
    const isEach = ({ names }: Needed): boolean => asked.files.every((name) => names.has(name));
    const known = asked.isGranted ? remembered.get(`${asked.service} ${asked.id}`) : undefined;
    if (known && (isEach(known) || wallMs() - known.atMs < lookAgainMs)) return known;
    return lookAt(repository, asked);
  }

  return async (repository, asked) => {
    try {
      if (!asked.isGranted && !(await isNamed(repository, asked))) throw unknown(asked);
      const { names } = await needsOf(repository, asked);
      if (!asked.files.every((name) => names.has(name))) throw unknown(asked);
      const keys: SnapshotKeys["keys"] = [];
      for (const name of asked.files) {
        const { fileKey, idKey } = await openFileKeys(repository, { name, opener });
        keys.push({ name, fileKey: base64(fileKey), idKey: base64(idKey) });
        await setImmediate();
      }
      return { keys };
    } catch (error) {
      if (error instanceof Fault && error.code === "snapshot-missing") throw unknown(asked);
      throw error;
    }
  };
}

async function isNamed(repository: Repository, { service, id }: Asked): Promise<boolean> {
  const channels = new Set<string>();
  for await (const { name } of repository.store.list(`refs/${service}/`)) {
    const [, , channel = ""] = name.split("/");
    if (named.test(channel)) channels.add(channel);
  }
  for (const channel of channels)
    if ((await readRef(repository, { model: service, channel }))?.snapshot === id) return true;
  return false;
}

const unknown = ({ service, id }: Pick<Asked, "service" | "id">): Fault =>
  new Fault("not-found", `no such file of a snapshot ${id} that ${service} may restore`, {
    hint: "Keys are given for latest, served, last-known-good and releases, and for files that they need.",
  });

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
