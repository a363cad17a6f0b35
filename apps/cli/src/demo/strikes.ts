import { copyFile, open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { ModelProcess } from "./model-process.ts";

const weights = (model: ModelProcess) => join(model.repository, "digits", "model.onnx");
const load = "/v2/repository/models/digits/load";

type Strike = (target: ModelProcess, files: { older: string; newer: string }) => Promise<unknown>;

/** What is done to a model server from outside; the same strikes behind Locum and behind HAProxy. */
export const strikes = {
  kill: async (target) => target.signal("SIGKILL"),
  hang: async (target) => target.signal("SIGSTOP"),
  "corrupt-weights": async (target) => {
    await overwriteMiddle(weights(target));
    await target.post(load);
  },
  nan: (target) => target.post("/faults", { kind: "nan", untilReload: true }),
  "older-model": async (target, { older }) => deploy(target, older),
} as const satisfies Record<string, Strike>;

/** Puts a model in place as a careful deploy does: a rename, then a load. */
export async function deploy(target: ModelProcess, source: string): Promise<void> {
  const path = weights(target);
  await copyFile(source, `${path}.new`);
  await rename(`${path}.new`, path);
  await target.post(load);
}

/** Bytes in the middle of a file overwritten in place, as a bad block or a wrong copy would: it still loads. */
async function overwriteMiddle(path: string, bytes = 65_536): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    const position = Math.floor((size - bytes) / 2);
    const { buffer } = await file.read(Buffer.alloc(bytes), 0, bytes, position);
    // Halves of the weights change sign: finite, plausible, wrong.
    for (let index = 3; index < bytes; index += 8) buffer[index] = (buffer[index] ?? 0) ^ 0x80;
    await file.write(buffer, 0, bytes, position);
  } finally {
    await file.close();
  }
}
