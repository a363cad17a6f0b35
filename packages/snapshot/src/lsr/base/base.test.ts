import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { bytesSource } from "../byte-source.ts";
import { codecId } from "../codec/codec-id.ts";
import { commitSnapshot } from "../repository/commit-snapshot.ts";
import { loadIndex } from "../repository/load-index.ts";
import { openChunks } from "../repository/open-chunks.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import type { Repository } from "../repository/repository.ts";
import { floatBytes } from "../testing/float-bytes.ts";
import { safetensorsFile } from "../testing/model-files.ts";
import { newRepository, readBack } from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import type { SnapshotFile } from "../write-snapshot.ts";
import { type Base, folderBase } from "./folder-base.ts";
import { snapshotBase } from "./snapshot-base.ts";

const path = "m.safetensors";
const root = "/srv/older";
const [a, b, c] = [40_000, 50_000, 35_000].map((count, seed) => floatBytes({ dtype: "bf16", count, seed }));
const tune = (bytes: Uint8Array = new Uint8Array()) =>
  bytes.map((byte, at) => (at % 400 === 0 ? byte ^ 1 : byte));
type Named = [name: string, bytes: Uint8Array | undefined][];
const modelOf = (...tensors: Named) =>
  safetensorsFile(tensors.map(([name, bytes = new Uint8Array()]) => ({ name, bytes })));
const first = modelOf(["a", a], ["b", b]);
/** Both tensors a little other, behind one that is new and a header that grew. */
const second = modelOf(["new", c], ["a", tune(a)], ["b", tune(b)]);
const fileOf = (bytes: Uint8Array): SnapshotFile => {
  return { path, mode: 0o644, mtimeNs: 1n, source: bytesSource(bytes) };
};

async function commit(repository: Repository, bytes: Uint8Array, base?: Base) {
  const { loaded, packs, id } = await commitSnapshot(repository, {
    stub: { model: "m", capturedAt: "2026-01-02T03:04:05.006Z", parent: null, torn: false },
    files: [fileOf(bytes)],
    recipients: sealing.recipients,
    by: "test",
    ...(base && { base }),
  });
  const entries = packs.flatMap((pack) => loaded.index.entriesOf(pack));
  const differences = entries.filter(({ codec }) => codec === codecId.delta).length;
  return { id, chunks: entries.length, differences };
}

async function write(fs: Fs, bytes: Uint8Array): Promise<void> {
  await makeDirs(fs, root);
  const handle = await fs.open(`${root}/${path}`, "wx");
  await handle.write(bytes, 0);
  await handle.close();
}

const fromFolder = async ({ disk }: { disk: { fs: Fs } }, newer: Uint8Array) =>
  folderBase({ root, files: [fileOf(newer)], fs: disk.fs });

async function fromRepository({ repository }: { repository: Repository }, newer: Uint8Array, id: string) {
  const { body } = await readSnapshot(repository, id, { opener });
  const loaded = await loadIndex(repository, { for: "reader" });
  return snapshotBase({
    manifest: body,
    chunks: openChunks({ repository, loaded, opener }),
    files: [fileOf(newer)],
  });
}

describe.for([
  ["a folder of the older version", fromFolder],
  ["the older snapshot itself", fromRepository],
] as const)("%s", ([, baseFrom]) => {
  test("tensors that moved are stored as differences, and come back", async () => {
    const rig = await newRepository();
    await write(rig.disk.fs, first);
    const before = await commit(rig.repository, first);
    const after = await commit(rig.repository, second, await baseFrom(rig, second, before.id));
    expect(after).toMatchObject({ chunks: 4, differences: 2 });
    const back = await readBack(rig.repository, after.id);
    expect(back).toEqual(new Map([[path, Buffer.from(second).toString("latin1")]]));
  });

  test("against differences no difference is stored", async () => {
    const rig = await newRepository();
    const before = await commit(rig.repository, first);
    await write(rig.disk.fs, second);
    const { id } = await commit(rig.repository, second, await fromRepository(rig, second, before.id));
    const third = modelOf(["new", c], ["a", tune(tune(a).toReversed()).toReversed()], ["b", tune(b)]);
    expect(await commit(rig.repository, third, await baseFrom(rig, third, id))).toMatchObject({
      chunks: 1,
      differences: 0,
    });
  });
});

test.for<[string, Uint8Array | undefined]>([
  ["has other bytes than the repository", modelOf(["a", tune(b)], ["b", tune(a)])],
  ["is cut off", first.subarray(0, 1000)],
  ["does not parse", Buffer.concat([Buffer.from("not weights"), first])],
  ["is empty", new Uint8Array()],
  ["is not there", undefined],
])("a folder whose file %s costs the differences, and nothing else", async ([, bytes]) => {
  const rig = await newRepository();
  if (bytes) await write(rig.disk.fs, bytes);
  await commit(rig.repository, first);
  const after = await commit(rig.repository, second, await fromFolder(rig, second));
  expect(after).toMatchObject({ chunks: 4, differences: 0 });
  expect((await readBack(rig.repository, after.id)).get(path)).toBe(Buffer.from(second).toString("latin1"));
});
