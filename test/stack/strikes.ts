import { copyFile, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ModelProcess } from "./model-process.ts";

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/digits/${path}`, import.meta.url));

/** The three releases of the digits model. */
export const digits = {
  current: fixture("model.onnx"),
  older: fixture("older/model.onnx"),
  newer: fixture("newer/model.onnx"),
  testSet: fixture("test-set.json"),
  goldenRequests: fixture("golden-requests.json"),
} as const;

export const liveFile = ({ repository }: Pick<ModelProcess, "repository">): string =>
  join(repository, "digits", "model.onnx");

/** What is done to a model server from outside, the same behind Locum and behind HAProxy. */
export const strikes = {
  crash: async (target: ModelProcess) => target.signal("SIGKILL"),
  hang: async (target: ModelProcess) => target.signal("SIGSTOP"),
  corrupt: async (target: ModelProcess) => {
    await overwriteMiddle(liveFile(target));
    await reload(target);
  },
  nan: async (target: ModelProcess) =>
    void (await target.post("/faults", { kind: "nan", untilReload: true })),
  older: async (target: ModelProcess) => deploy(target, digits.older),
} as const;
export type Strike = keyof typeof strikes;

/** Puts a model in place as a careful deploy does: a rename, then a load. */
export async function deploy(target: ModelProcess, source: string): Promise<void> {
  const path = liveFile(target);
  await copyFile(source, `${path}.new`);
  await rename(`${path}.new`, path);
  await reload(target);
}

export async function reload(target: ModelProcess): Promise<void> {
  const status = await target.post("/v2/repository/models/digits/load");
  if (status !== 200) throw new Error(`${target.id} answered ${status} to a load`);
}

/** Bytes in the middle of a file overwritten in place, as a bad block or a wrong copy would: it still loads. */
export async function overwriteMiddle(path: string, bytes = 65_536): Promise<void> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  const position = Math.floor((size - bytes) / 2);
  const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
  // Half of the weights change their sign: finite, plausible, wrong.
  for (let index = 3; index < bytes; index += 8) buffer[index] = (buffer[index] ?? 0) ^ 0x80;
  await file.write(buffer, 0, bytes, position);
}
