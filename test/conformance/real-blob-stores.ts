import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openBucket, openObjectStore } from "@locum/runtime/object-store";

export type RealServer = "versitygw" | "minio" | "azurite" | "fake-gcs";
type Bucket = ReturnType<typeof openBucket>;
export type RealBucket = {
  /** Where the server is, for a proxy before it. */
  endpoint: string;
  open(prefix: string): Bucket;
  /** As `openPlace` takes it, by way of another address of the server if given, and the environment that it needs. */
  place(prefix: string, endpoint?: string): { text: string; env: Record<string, string> };
  /** Of a machine that takes snapshots: without the right to remove, where the server knows such a thing. */
  writerEnv: Record<string, string>;
  stop(): Promise<void>;
};
export type Started = { url: string; pid: number; accessKey: string; secretKey: string };

/** Why no real server can be run here; undefined where one can. */
export function bucketsMissing(): string | undefined {
  if (process.env.LOCUM_REAL_PARTS !== "1") return "set LOCUM_REAL_PARTS=1 to run it";
  return process.env.LOCUM_STORAGE_DIR === undefined
    ? "set LOCUM_STORAGE_DIR to the folder of start-versitygw.sh and the others to run it"
    : undefined;
}

/** A program of the storage folder, started on loopback. */
export async function startStorage(server: string, dir: string): Promise<Started> {
  const program = join(process.env.LOCUM_STORAGE_DIR ?? "", `start-${server}.sh`);
  const { stdout } = await promisify(execFile)(program, ["--dir", dir], { timeout: 600_000 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** A real server on loopback with one bucket, in a folder that is gone afterwards. */
export async function startBucket(server: RealServer): Promise<RealBucket> {
  const dir = await mkdtemp(join(tmpdir(), `locum-${server}-`));
  const started = await startStorage(server, dir);
  const { scheme, endpoint: own, account, env, writerEnv = env } = await kinds[server](started);
  return {
    endpoint: started.url,
    writerEnv,
    open: (prefix) =>
      openBucket({
        ...{ scheme, endpoint: own, bucket: "locum", folders: [prefix], region: "us-east-1" },
        ...{ credentialsFile: undefined, env: (name) => env[name] },
      }),
    place: (prefix, endpoint = own) => ({
      text: `${scheme}://${account ? `${account}/` : ""}locum/${prefix}?endpoint=${endpoint}`,
      env,
    }),
    async stop() {
      process.kill(started.pid);
      // It may write its last file while it ends.
      await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

type Made = {
  scheme: "s3" | "azure" | "gs";
  endpoint: string;
  account?: string;
  env: Record<string, string>;
  writerEnv?: Record<string, string>;
};
/** Make the bucket, which is no part of what Locum does. */
const kinds: Record<RealServer, (started: Started) => Promise<Made>> = {
  versitygw: makeS3,
  minio: makeS3,
  azurite: makeAzure,
  "fake-gcs": makeGcs,
};

async function makeS3({ url, accessKey, secretKey }: Started): Promise<Made> {
  const credentials = async () => ({ accessKeyId: accessKey, secretAccessKey: secretKey });
  await openObjectStore({ url, region: "us-east-1", credentials }).put("locum", new Uint8Array());
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  return { scheme: "s3", endpoint: url, env };
}

async function makeAzure({ url, accessKey, secretKey }: Started): Promise<Made> {
  const sas = accountSas(accessKey, secretKey, "rdlc");
  const made = await fetch(`${url}/locum?restype=container&${sas}`, { method: "PUT" });
  if (!made.ok) throw new Error(`the container was not made: ${made.status} ${await made.text()}`);
  return {
    ...{ scheme: "azure", endpoint: url, account: accessKey },
    env: { AZURE_STORAGE_SAS_TOKEN: sas },
    writerEnv: { AZURE_STORAGE_SAS_TOKEN: accountSas(accessKey, secretKey, "rlc") },
  };
}

/** An account's signature for blobs, with the rights that are named (Azure Storage REST API, "Create an account SAS"). */
function accountSas(account: string, key: string, sp: string): string {
  const fields = {
    ...{ sp, ss: "b", srt: "sco", st: "", se: "2099-01-01T00:00:00Z" },
    ...{ sip: "", spr: "https,http", sv: "2021-12-02", ses: "" },
  };
  const text = [account, ...Object.values(fields), ""].join("\n");
  const sig = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
  const given = Object.entries({ ...fields, sig }).filter(([, value]) => value !== "");
  return new URLSearchParams(given).toString();
}

async function makeGcs({ url }: Started): Promise<Made> {
  const made = await fetch(`${url}/storage/v1/b?project=locum`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "locum" }),
  });
  if (!made.ok) throw new Error(`the bucket was not made: ${made.status}`);
  return { scheme: "gs", endpoint: url, env: {} };
}
