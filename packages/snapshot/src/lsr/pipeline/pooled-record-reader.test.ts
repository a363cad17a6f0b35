import { afterAll, beforeAll, expect, test } from "vitest";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { loadIndex } from "../repository/load-index.ts";
import { openChunks } from "../repository/open-chunks.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { baseOf, commitOf, filesOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { createSnapshotPool, type SnapshotPool } from "./snapshot-pool.ts";

let pool: SnapshotPool;
beforeAll(() => {
  pool = createSnapshotPool({ threads: 2 });
});
afterAll(() => pool.close());

/** Two versions, the second as differences; written by threads and read by them. */
async function twoVersions() {
  const { repository, disk } = await newRepository();
  const tuned = weightsOf(1).map((byte, at) => (at % 500 === 0 ? byte ^ 1 : byte));
  await commitOf(repository, weightsOf(1), { pool });
  const { id } = await commitOf(repository, tuned, { pool, base: baseOf(weightsOf(1)) });
  return { repository, disk, tuned, id };
}

test("a snapshot that threads wrote as differences is read by threads", async () => {
  const { repository, tuned, id } = await twoVersions();
  const loaded = await loadIndex(repository, { for: "reader" });
  const chunks = openChunks({ repository, loaded, opener, pool });
  const { body } = await readSnapshot(repository, id, { opener });
  const files = new Map<string, string>();
  for (const entry of body.files) {
    if (entry.kind !== "file") continue;
    const bytes = await Promise.all(chunkRefs(entry).map(({ chunkId }) => chunks.read(chunkId)));
    files.set(entry.path, Buffer.concat(bytes).toString("latin1"));
  }
  expect(files).toEqual(filesOf(tuned));
  const codecs = [...loaded.index.packs()]
    .flatMap((pack) => loaded.index.entriesOf(pack))
    .map(({ codec }) => codec);
  expect(codecs).toContain(4);
});

test("what was changed in the pack does not come out of a thread", async () => {
  const { repository, id } = await twoVersions();
  const { store } = repository;
  const loaded = await loadIndex(repository, { for: "reader" });
  const { body } = await readSnapshot(repository, id, { opener });
  const changed = {
    ...store,
    read: async (name: string, position: number, length: number) => {
      const bytes = Uint8Array.from(await store.read(name, position, length));
      // Not the header and not the trailer: only in records.
      if (name.endsWith(".pk") && position > 0 && length > 10_000) bytes.fill(0, 100, 110);
      return bytes;
    },
  };
  const chunks = openChunks({ repository: { ...repository, store: changed }, loaded, opener, pool });
  const [file] = body.files.filter((entry) => entry.kind === "file" && entry.path === "m.safetensors");
  const [ref] = file?.kind === "file" ? chunkRefs(file).toReversed() : [];
  await expect(chunks.read(ref?.chunkId ?? new Uint8Array())).rejects.toMatchObject({
    code: "snapshot-corrupt",
  });
});
