import { dirname } from "node:path";
import { makeDirs } from "../../durable.ts";
import type { Fs, FsHandle } from "../../fs.ts";
import { createMemoryFs, type MemoryFs } from "../../testing/memory-fs.ts";
import type { Capture } from "../capture/capture.ts";
import { commitSnapshot } from "../repository/commit-snapshot.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { newRepository, readBack } from "./repository-rig.ts";
import { opener, sealing } from "./rig.ts";

export const root = "/models/digits";

export async function put(fs: Fs, path: string, text: string): Promise<void> {
  await makeDirs(fs, dirname(`${root}/${path}`));
  await fs.unlink(`${root}/${path}`).catch(() => {});
  const handle = await fs.open(`${root}/${path}`, "wx");
  await handle.write(Buffer.from(text), 0);
}

/** Writes into the file that is there, as a server does that keeps it open. */
export async function overwrite(fs: Fs, path: string, text: string, at = 0): Promise<void> {
  await (await fs.open(`${root}/${path}`, "r")).write(Buffer.from(text), at);
}

export const filled = async (): Promise<MemoryFs> => {
  const disk = createMemoryFs();
  await put(disk.fs, "a.bin", "a".repeat(3000));
  await put(disk.fs, "tokenizer/vocab.json", "{}");
  await put(disk.fs, "z.bin", "z".repeat(100));
  await disk.fs.symlink("../a.bin", `${root}/tokenizer/weights.bin`);
  return disk;
};

/** Calls `meddle` before each call, with its number. */
export function meddled(fs: Fs, meddle: (call: number) => Promise<void>): Fs {
  let calls = 0;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name) as (...args: unknown[]) => Promise<unknown>;
        if (typeof member !== "function") return member;
        return async (...args: unknown[]) => {
          await meddle(calls++);
          const result = await member(...args);
          return name === "open" ? wrap(result as FsHandle) : result;
        };
      },
    });
  return wrap(fs);
}

export async function snapshotOf(capture: Capture) {
  const { repository } = await newRepository();
  const committed = await commitSnapshot(repository, {
    ...capture,
    stub: {
      model: "digits",
      capturedAt: new Date(repository.wallMs()).toISOString(),
      parent: null,
      torn: false,
    },
    recipients: sealing.recipients,
    by: "test",
  });
  const { body, stub } = await readSnapshot(repository, committed.id, { opener });
  const { left = [] } = body.state as { left?: { path: string; reason: string }[] };
  const files = await readBack(repository, committed.id);
  return { torn: stub.torn, left, files, others: body.files.filter(({ kind }) => kind !== "file") };
}

export const original = new Map([
  ["a.bin", "a".repeat(3000)],
  ["tokenizer/vocab.json", "{}"],
  ["z.bin", "z".repeat(100)],
]);
