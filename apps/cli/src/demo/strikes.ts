import { copyFile, open, rename } from "node:fs/promises";
import { join } from "node:path";

/** A model server that can be struck from outside. */
export type Target = {
  id: string;
  repository: string;
  signal(signal: NodeJS.Signals): void;
  post(path: string, body?: object): Promise<number>;
};

export const liveFile = ({ repository }: Pick<Target, "repository">): string =>
  join(repository, "digits", "model.onnx");

type Strike = (target: Target, files: { older: string; newer: string }) => Promise<unknown>;

/** What is done to a model server from outside; the same strikes behind Locum and behind HAProxy. */
export const strikes = {
  kill: async (target) => target.signal("SIGKILL"),
  hang: async (target) => target.signal("SIGSTOP"),
  "corrupt-weights": async (target) => {
    await overwriteMiddle(liveFile(target));
    await reload(target);
  },
  nan: (target) => target.post("/faults", { kind: "nan", untilReload: true }),
  "older-model": async (target, { older }) => deploy(target, older),
} as const satisfies Record<string, Strike>;

/** Puts a model in place as a careful deploy does: a rename, then a load. */
export async function deploy(target: Target, source: string): Promise<void> {
  await replaceFile(liveFile(target), source);
  await reload(target);
}

export async function replaceFile(path: string, source: string): Promise<void> {
  await copyFile(source, `${path}.new`);
  await rename(`${path}.new`, path);
}

async function reload(target: Target): Promise<void> {
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
