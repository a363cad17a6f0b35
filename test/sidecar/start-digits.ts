import { generateKeyPairSync } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approveRelease, digestOf, type Golden, goldenId, keyIdOf, type Release } from "@locum/contracts";
import { connect } from "@locum/serving";
import { scanTree } from "@locum/snapshot";
import { startModelServer } from "../model-server/server.ts";

export const fixtures = new URL("../fixtures/digits/", import.meta.url).pathname;
export const model = "digits";

export type Digits = {
  dir: string;
  url: string;
  modelDir: string;
  file: string;
  server: Awaited<ReturnType<typeof startModelServer>>;
  /** Puts a model file in place by a rename, and loads it if asked to. */
  deploy(source: string, options?: { load: boolean }): Promise<void>;
  load(): Promise<void>;
  close(): Promise<void>;
};

/** A real model server in this process, with files of its own. */
export async function startDigits({ source = "model.onnx", port = 0 } = {}): Promise<Digits> {
  const dir = await mkdtemp(join(tmpdir(), "locum-digits-"));
  const repository = join(dir, "models");
  const modelDir = join(repository, model);
  const file = join(modelDir, "model.onnx");
  await mkdir(modelDir, { recursive: true });
  await copyFile(join(fixtures, source), file);
  const server = await startModelServer({ repository, port });
  const load = async () => {
    const answer = await fetch(`${server.url}/v2/repository/models/${model}/load`, {
      method: "POST",
      body: "{}",
    });
    if (!answer.ok) throw new Error(`load: ${answer.status} ${await answer.text()}`);
  };
  return {
    dir,
    url: server.url,
    modelDir,
    file,
    server,
    load,
    async deploy(from, options = { load: true }) {
      await copyFile(join(fixtures, from), join(dir, "incoming"));
      await rename(join(dir, "incoming"), file);
      if (options.load) await load();
    },
    async close() {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export type Approver = { pem: string; publicKey: string; keyId: string };

export function newApprover(): Approver {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
  return {
    pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey: raw,
    keyId: keyIdOf(raw),
  };
}

let serial = 0;

/** What this server serves now, as an approved release: its files, its metadata, its answers to the golden requests. */
export async function recordRelease(
  digits: Digits,
  approver: Approver,
  service = "digits",
): Promise<Release> {
  const client = connect({ url: digits.url });
  try {
    const requests = JSON.parse(await readFile(join(fixtures, "golden-requests.json"), "utf8")) as object[];
    const goldens: Golden[] = [];
    for (const request of requests.slice(0, 8) as Record<string, unknown>[]) {
      const { outputs } = await client.infer(model, request, { timeoutMs: 5000 });
      goldens.push({
        id: goldenId(model, request),
        model,
        request,
        expected: outputs.map(({ name, datatype, shape, data }) => ({
          name,
          datatype,
          shape,
          data: Array.from(data),
          tolerance: { abs: 1e-4, rel: 1e-4 },
        })),
      });
    }
    serial += 1;
    return approveRelease(
      {
        apiVersion: "locum.dev/v1alpha1",
        service,
        createdAt: new Date(Date.UTC(2026, 0, 1) + serial * 1000).toISOString(),
        note: "",
        tree: await scanTree({ dir: digits.modelDir }),
        configuration: { [model]: digestOf(await client.metadata(model, { timeoutMs: 5000 })) },
        goldens,
      },
      approver.pem,
    );
  } finally {
    client.close();
  }
}

export async function writeRelease(folder: string, release: Release): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${release.digest.slice(7)}.json`), JSON.stringify(release));
}
