import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ObjectStore, openObjectStore } from "@locum/runtime/object-store";

export type RealBucket = { open(prefix: string): ObjectStore; stop(): Promise<void> };

/** Why no real server can be run here; undefined where one can. */
export function bucketsMissing(): string | undefined {
  if (process.env.LOCUM_REAL_PARTS !== "1") return "set LOCUM_REAL_PARTS=1 to run it";
  return process.env.LOCUM_STORAGE_DIR === undefined
    ? "set LOCUM_STORAGE_DIR to the folder of start-versitygw.sh and start-minio.sh to run it"
    : undefined;
}

/** A real S3 server on loopback with one bucket, in a folder that is gone afterwards. */
export async function startBucket(server: "versitygw" | "minio"): Promise<RealBucket> {
  const dir = await mkdtemp(join(tmpdir(), `locum-${server}-`));
  const program = join(process.env.LOCUM_STORAGE_DIR ?? "", `start-${server}.sh`);
  const { stdout } = await promisify(execFile)(program, ["--dir", dir], { timeout: 600_000 });
  const { url, pid, accessKey, secretKey } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  const credentials = async () => ({ accessKeyId: accessKey, secretAccessKey: secretKey });
  const open = (path: string): ObjectStore =>
    openObjectStore({ url: `${url}/${path}`, region: "us-east-1", credentials });
  // Making a bucket is a PUT of its name, and no part of what Locum does.
  await open("").put("locum", new Uint8Array());
  return {
    open: (prefix) => open(`locum/${prefix}`),
    async stop() {
      process.kill(pid);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
