import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, SnapshotRepository } from "@locum/contracts";
import { scanTree } from "@locum/snapshot";
import {
  createRepository,
  listIntents,
  listRefs,
  listSnapshots,
  nativeHash,
  openPlace,
  recipientOf,
} from "@locum/snapshot/repository";
import type { SnapshotWriter } from "./open-writer.ts";
import { type TakeInput, takeSnapshot } from "./take-snapshot.ts";

export const model = "digits";

/** A model folder, and a repository in another, both real. */
export async function newLiveModel() {
  const dir = await mkdtemp(join(tmpdir(), "locum-keeper-"));
  const [modelDir, place] = [join(dir, "model"), join(dir, "repository")];
  for (const folder of [modelDir, place]) await mkdir(folder);
  const { store } = openPlace(place, {
    cwd: dir,
    env: () => undefined,
    openBucket() {
      throw new Error("no bucket");
    },
  });
  const repository = await createRepository({
    store,
    idKey: randomBytes(32),
    hash: nativeHash,
    random: (length) => randomBytes(length),
    wallMs: Date.now,
  });
  const { publicKey } = generateKeyPairSync("x25519");
  const writer: SnapshotWriter = { repository, recipients: [recipientOf(publicKey)], signer: undefined };
  const wanted = (more: object = {}) => SnapshotRepository.parse({ place, writerDir: dir, ...more });
  const tree = async (): Promise<Digest> => (await scanTree({ dir: modelDir })).digest;
  const write = (text: string) => writeFile(join(modelDir, "model.bin"), text);
  await write("first");
  return {
    writer,
    wanted,
    tree,
    write,
    take: (given: Pick<TakeInput, "proven" | "by" | "loaded" | "signal"> & Partial<TakeInput>) =>
      takeSnapshot({
        ...{ writer, wanted: wanted(), model, modelDir, lookAgain: tree, olderDir: undefined, served: {} },
        ...{ pid: undefined, pace: async () => {}, wallMs: Date.now },
        ...given,
      }),
    /** Channels, each with the snapshot that it points to. */
    async refs(): Promise<Record<string, string>> {
      const refs = await listRefs(repository);
      return Object.fromEntries(
        refs.flatMap(({ channel, snapshot }) => (snapshot ? [[channel, snapshot]] : [])),
      );
    },
    ids: async () => (await listSnapshots(repository)).snapshots.map(({ id }) => id).sort(),
    intents: () => listIntents(repository),
    close: () => rm(dir, { recursive: true }),
  };
}
export type LiveModel = Awaited<ReturnType<typeof newLiveModel>>;
