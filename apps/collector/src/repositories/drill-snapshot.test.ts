import { randomBytes } from "node:crypto";
import {
  keyOpener,
  loadIndex,
  type ManifestBody,
  type ManifestFile,
  readSnapshot,
} from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drillSnapshot } from "./drill-snapshot.ts";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";

let kept: TestRepository;
beforeEach(async () => {
  kept = await newTestRepository();
});
afterEach(() => kept.close());

/** The drill of a manifest that says something else than what was captured: who holds the id key can write such a one. */
async function drillOf(
  digest: "sha256" | "blake3",
  change: (file: ManifestFile) => Partial<ManifestFile>,
): Promise<unknown> {
  const id = await kept.commit({ "m.bin": randomBytes(2_500_000) }, { digest });
  const opener = keyOpener(kept.privateKey);
  const { body } = await readSnapshot(kept.repository, id, { opener });
  const loaded = await loadIndex(kept.repository, { for: "reader" });
  const files = body.files.map((entry) =>
    entry.kind === "file" ? { ...entry, ...change(entry) } : entry,
  ) as ManifestBody["files"];
  return drillSnapshot(kept.repository, { body: { ...body, files }, loaded, opener, releases: [] });
}

const otherDigit = (text = "") => `${text.startsWith("0") ? "1" : "0"}${text.slice(1)}`;
const refBytes = 36;
/** The first chunk at the second's place: each is good, the file is another. */
const swapped = ({ chunks }: ManifestFile): Partial<ManifestFile> => {
  const refs = Buffer.from(chunks, "base64");
  const parts = [
    refs.subarray(refBytes, 2 * refBytes),
    refs.subarray(0, refBytes),
    refs.subarray(2 * refBytes),
  ];
  return { chunks: Buffer.concat(parts).toString("base64") };
};
const corrupt = { code: "snapshot-corrupt", message: expect.stringContaining("m.bin") };

test.each(["sha256", "blake3"] as const)("files are compared with their %s", async (digest) => {
  expect(await drillOf(digest, () => ({}))).toMatchObject({ files: 1, bytes: 2_500_000 });
  await expect(drillOf(digest, (file) => ({ [digest]: otherDigit(file[digest]) }))).rejects.toMatchObject(
    corrupt,
  );
  await expect(drillOf(digest, swapped)).rejects.toMatchObject(corrupt);
});

test("without a digest a file's chunks are all that it is known by", async () => {
  const none = ({ sha256: _, ...file }: ManifestFile) => ({ ...file, sha256: undefined }) as never;
  expect(await drillOf("sha256", none)).toMatchObject({ bytes: 2_500_000 });
});

test("a chunk that is nowhere is told with its file", async () => {
  const chunks = Buffer.concat([randomBytes(32), Buffer.from([0, 0, 1, 0])]).toString("base64");
  await expect(drillOf("sha256", () => ({ chunks, size: 65_536 }))).rejects.toMatchObject({
    code: "snapshot-missing",
    message: expect.stringContaining("m.bin"),
  });
});
