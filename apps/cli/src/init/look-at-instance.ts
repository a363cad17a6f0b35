import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, type HttpJson, type ModelMetadata } from "@locum/contracts";
import { connect, type Detection, detect, type ModelServer } from "@locum/serving";
import { type RestoreMethod, restoreMethod } from "@locum/snapshot";
import { accessTo } from "../connect-instance.ts";
import type { Places } from "../read-places.ts";
import { servedModels } from "../served-models.ts";

export type Looked = {
  id: string;
  url: string;
  detection: Detection;
  /** What was said of a server that speaks no known protocol. */
  httpJson: HttpJson | undefined;
  models: ModelMetadata[];
  silent: string[];
  modelDir: string | undefined;
  /** The folder without links, for seeing that two instances share one. */
  realDir: string | undefined;
  restore: RestoreMethod | undefined;
};

/** Everything that a configuration needs to know of one server and its folder. Changes nothing that stays. */
export async function lookAtInstance({
  id,
  url,
  modelDir: given,
  named,
  ca,
  headersFile,
  places = {},
  httpJson,
  cwd,
}: {
  id: string;
  url: string;
  modelDir: string | undefined;
  named: readonly string[];
  ca: string | undefined;
  headersFile: string | undefined;
  /** Where its other APIs are, if not where servers have them. */
  places?: Places;
  httpJson?: HttpJson | undefined;
  cwd: string;
}): Promise<Looked> {
  const modelDir = given === undefined ? undefined : resolve(cwd, given);
  const realDir =
    modelDir === undefined
      ? undefined
      : await realpath(modelDir).catch((cause: unknown) => {
          throw new Fault("not-found", `--model-dir ${given}: ${(cause as Error).message}`, {
            hint: "Name the folder that this server reads, or - for none.",
            cause,
          });
        });
  const access = await accessTo({ url, ca, headersFile, ...places, httpJson });
  const detection = httpJson ? asTold(url) : await detect(url, { ...access, timeoutMs: 5000 });
  const { protocol, grpc, management } = detection;
  const server = connect({ ...access, protocol, grpc, management });
  try {
    if (httpJson) await assertLive(server);
    const { models, silent } = await servedModels(server, { named, modelDir });
    const restore = modelDir === undefined ? undefined : await restoreMethod({ dir: modelDir });
    return { id, url, detection, httpJson, models, silent, modelDir, realDir, restore };
  } finally {
    server.close();
  }
}

const asTold = (url: string): Detection => ({
  protocol: "http-json",
  also: [],
  url,
  models: [],
  modelsKnown: true,
  evidence: [],
});

/** What cannot be found out has to be there at least. */
async function assertLive(server: ModelServer): Promise<void> {
  const { ok, detail, status } = await server.live({ timeoutMs: 5000 });
  if (ok) return;
  throw new Fault("upstream-unreachable", `${server.url}: ${detail}${status ? ` ${status}` : ""}`, {
    hint: "Name with --live-path a path that answers GET with a status below 400.",
  });
}
