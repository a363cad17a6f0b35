import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { approveRelease, digestOf, type Golden, goldenId, type Release } from "@locum/contracts";
import { connect } from "@locum/serving";
import { scanTree } from "@locum/snapshot";
import { startModelServer } from "../model-server/server.ts";
import { type Approver, type Digits, fixtures } from "./start-digits.ts";

/** A model server with several models, as far as its sidecar and a test touch it. */
export type Models = Pick<Digits, "dir" | "url" | "modelDir" | "server" | "close"> & {
  fileOf(path: string): string;
  load(name: string): Promise<void>;
  deploy(path: string, source: string): Promise<void>;
};

/** `files`: path below the repository, `<model>/model.onnx` or `<model>/<version>/model.onnx`, and its fixture. */
export async function startModels(files: Record<string, string>): Promise<Models> {
  const dir = await mkdtemp(join(tmpdir(), "locum-models-"));
  const modelDir = join(dir, "models");
  for (const [path, source] of Object.entries(files)) {
    await mkdir(dirname(join(modelDir, path)), { recursive: true });
    await copyFile(join(fixtures, source), join(modelDir, path));
  }
  const server = await startModelServer({ repository: modelDir, port: 0 });
  return {
    dir,
    url: server.url,
    modelDir,
    server,
    fileOf: (path) => join(modelDir, path),
    async load(name) {
      const answer = await fetch(`${server.url}/v2/repository/models/${name}/load`, {
        method: "POST",
        body: "{}",
      });
      if (!answer.ok) throw new Error(`load: ${answer.status} ${await answer.text()}`);
    },
    async deploy(path, source) {
      await copyFile(join(fixtures, source), join(dir, "incoming"));
      await rename(join(dir, "incoming"), join(modelDir, path));
    },
    async close() {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What the models of this server answer now, as an approved release of all of them. */
export async function recordModels(
  models: Models,
  keys: readonly string[],
  approver: Approver,
): Promise<Release> {
  const client = connect({ url: models.url });
  const requests = JSON.parse(await readFile(join(fixtures, "golden-requests.json"), "utf8")) as Record<
    string,
    unknown
  >[];
  try {
    const goldens: Golden[] = [];
    const configuration: Record<string, string> = {};
    for (const model of keys) {
      configuration[model] = digestOf(await client.metadata(model, { timeoutMs: 5000 }));
      for (const request of requests.slice(0, 4)) {
        const { outputs } = await client.infer(model, request, { timeoutMs: 5000 });
        const expected = outputs.map(({ name, datatype, shape, data }) => ({
          name,
          datatype,
          shape,
          data: Array.from(data),
          tolerance: { abs: 1e-4, rel: 1e-4 },
        }));
        goldens.push({ id: goldenId(model, request), model, request, expected });
      }
    }
    const tree = await scanTree({ dir: models.modelDir });
    const createdAt = new Date(Date.UTC(2026, 0, 1)).toISOString();
    const body = { apiVersion: "locum.dev/v1alpha1", service: "digits", createdAt, note: "", tree } as const;
    return approveRelease({ ...body, configuration, goldens }, approver.pem);
  } finally {
    client.close();
  }
}
