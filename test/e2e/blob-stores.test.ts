import { randomUUID } from "node:crypto";
import { objectBlobStore } from "@locum/snapshot/repository";
import { afterAll, beforeAll, describe } from "vitest";
import { blobStoreConformance } from "../conformance/blob-store.ts";
import { bucketsMissing, type RealBucket, startBucket } from "../conformance/real-blob-stores.ts";

const missing = bucketsMissing();

describe.skipIf(missing !== undefined)(
  `repositories on real servers${missing ? ` (skipped: ${missing})` : ""}`,
  () => {
    for (const server of ["versitygw", "minio"] as const)
      describe(server, () => {
        let bucket: RealBucket;
        beforeAll(async () => {
          bucket = await startBucket(server);
        }, 600_000);
        afterAll(() => bucket?.stop());
        blobStoreConformance(server, async () => objectBlobStore(bucket.open(randomUUID())));
      });
  },
);
