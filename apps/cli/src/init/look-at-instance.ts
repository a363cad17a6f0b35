import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, type ModelMetadata } from "@locum/contracts";
import { connect, type Detection, detect } from "@locum/serving";
import { type RestoreMethod, restoreMethod } from "@locum/snapshot";
import { accessTo } from "../connect-instance.ts";
import type { Places } from "../read-places.ts";
import { servedModels } from "../served-models.ts";

export type Looked = {
  id: string;
  url: string;
  detection: Detection;
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
  const access = await accessTo({ url, ca, headersFile, ...places });
  const detection = await detect(url, { ...access, timeoutMs: 5000 });
  const { protocol, grpc, management } = detection;
  const server = connect({ ...access, protocol, grpc, management });
  try {
    const { models, silent } = await servedModels(server, { named, modelDir });
    const restore = modelDir === undefined ? undefined : await restoreMethod({ dir: modelDir });
    return { id, url, detection, models, silent, modelDir, realDir, restore };
  } finally {
    server.close();
  }
}
