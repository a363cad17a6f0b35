import type { Instance, Release, ReleaseBody, ServiceConfig } from "@locum/contracts";
import type { GivenOutput } from "@locum/coordination";
import { connectInstance } from "../connect-instance.ts";
import type { Io } from "../io.ts";
import type { OperatorKey } from "../operator-key.ts";
import type { Output } from "../output.ts";
import { progressLine } from "../progress-line.ts";
import { assertSameTree, hashFolders } from "./hash-folders.ts";
import type { GoldenRequest } from "./read-requests.ts";
import { recordGoldens } from "./record-goldens.ts";
import { sealRelease } from "./seal-release.ts";

type Place = Pick<Instance, "id" | "url" | "maxConcurrency"> & {
  modelDir?: string | undefined;
  ca?: string | undefined;
  headersFile?: string | undefined;
};

/**
 * Files and answers of the places, as one signed release in the releases folder. The files are hashed before and after
 * the questions, so that they are those that answered.
 */
export async function makeRelease({
  config,
  places,
  requests,
  given,
  key,
  io,
  out,
  note,
  timeoutMs,
  file,
}: {
  config: ServiceConfig;
  places: readonly Place[];
  requests: readonly GoldenRequest[];
  given?: readonly GivenOutput[][] | undefined;
  key: OperatorKey;
  io: Io;
  out: Output;
  note: string;
  timeoutMs: number;
  file?: string | undefined;
}): Promise<{ release: Release; file: string; asks: number }> {
  const progress = progressLine(io, out);
  progress("hashing the model files");
  const before = await hashFolders(places);
  const instances = await Promise.all(
    places.map(async (place) => ({ ...place, server: await connectInstance(place) })),
  );
  try {
    const { goldens, configuration, asks } = await recordGoldens({
      instances,
      requests,
      models: config.models,
      given,
      timeoutMs,
      onProgress: (done, all) => progress(`asking ${places.length} instance(s): ${done} of ${all}`),
    });
    assertSameTree(before, await hashFolders(places, before));
    const body: ReleaseBody = {
      apiVersion: "locum.dev/v1alpha1",
      service: config.service,
      createdAt: new Date(io.clock.wallMs()).toISOString(),
      note,
      tree: before.tree,
      configuration,
      goldens,
    };
    return { ...(await sealRelease({ body, config, key, out: file })), asks };
  } finally {
    progress("");
    for (const { server } of instances) server.close();
  }
}
