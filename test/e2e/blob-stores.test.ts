import { randomBytes, randomUUID } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectBlobStore } from "@locum/snapshot/repository";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobStoreConformance } from "../conformance/blob-store.ts";
import { bucketsMissing, type RealBucket, startBucket } from "../conformance/real-blob-stores.ts";
import { locumCommand } from "../stack/locum-command.ts";

const missing = bucketsMissing();

describe.skipIf(missing !== undefined)(
  `repositories on real servers${missing ? ` (skipped: ${missing})` : ""}`,
  () => {
    for (const server of ["versitygw", "minio", "azurite", "fake-gcs"] as const)
      describe(server, () => {
        let bucket: RealBucket;
        beforeAll(async () => {
          bucket = await startBucket(server);
        }, 600_000);
        afterAll(() => bucket?.stop());
        blobStoreConformance(server, async () => objectBlobStore(bucket.open(randomUUID())));

        test("of sixteen who create one object at once, one succeeds, again and again", async () => {
          const objects = bucket.open(randomUUID());
          for (let round = 0; round < 5; round++) {
            const tries = Array.from({ length: 16 }, (_, n) =>
              objects.put(`refs/m/${round}`, Buffer.from(`writer ${n}`)),
            );
            const ended = await Promise.all(tries);
            expect(ended.toSorted()).toEqual([...Array(15).fill("exists"), "stored"]);
          }
        });

        test("by the commands: taken, listed, verified, restored, kept by the rules and pruned", {
          timeout: 120_000,
        }, async () => {
          const { text, env } = bucket.place(randomUUID());
          await using folder = await makeFolder();
          const locum = locumCommand({ dir: folder.path, env });
          const writer = locumCommand({ dir: folder.path, env: bucket.writerEnv });
          const to = ["-r", text];
          const model = join(folder.path, "model");
          await mkdir(model);
          await writeFile(join(model, "weights.bin"), randomBytes(3_000_000));
          await writer.done("snapshot", "init", ...to, "--make-key");
          for (const name of ["m", "m"]) {
            await appendFile(join(model, "weights.bin"), "more");
            await writer.done("snapshot", "create", ...to, "--model-dir", model, "--name", name);
          }
          expect((await locum.done("snapshot", "ls", ...to)).stdout).toContain("latest");
          await locum.done("snapshot", "verify", ...to, "--read-data");
          const back = join(folder.path, "back");
          await locum.done("snapshot", "restore", "m/latest", ...to, "--to", back);
          const [is, was] = await Promise.all([back, model].map((dir) => readFile(join(dir, "weights.bin"))));
          expect(is?.equals(was ?? Buffer.alloc(0))).toBe(true);
          await locum.done("snapshot", "forget", ...to, "--keep-last", "1");
          await locum.done("snapshot", "prune", ...to);
          const { stdout } = await locum.done("snapshot", "ls", ...to, "--json");
          // The older one is of today, which every rule keeps.
          expect(stdout.trim().split("\n")).toHaveLength(3);
        });
      });
  },
);

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), "locum-buckets-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
