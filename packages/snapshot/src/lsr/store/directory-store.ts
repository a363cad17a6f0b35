import { dirname, join } from "node:path";
import { Fault } from "@locum/contracts";
import { makeDirs } from "../../durable.ts";
import type { Fs, FsHandle } from "../../fs.ts";
import { ifThere, withFsFaults } from "../../fs-fault.ts";
import { handleSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import type { BlobStore } from "./blob-store.ts";
import { createOpenFiles } from "./open-files.ts";

/** A repository in a folder. Drafts lie in `tmp/`, where no reader looks. */
export function directoryStore({
  fs,
  root,
  random,
}: {
  fs: Fs;
  root: string;
  random: (length: number) => Uint8Array;
}): BlobStore {
  const files = createOpenFiles(fs);
  return {
    create: (name, parts) =>
      withFsFaults(`writing ${name}`, () => {
        const draft = join(root, "tmp", Buffer.from(random(8)).toString("hex"));
        return publish(fs, { target: join(root, name), draft, parts });
      }),
    size: (name) =>
      withFsFaults(`looking for ${name}`, async () => {
        const stat = await ifThere(fs.lstat(join(root, name)));
        return stat?.kind === "file" ? stat.size : undefined;
      }),
    read: (name, position, length, room) =>
      withFsFaults(`reading ${name}`, async () => {
        const found = await ifThere(
          files.use(join(root, name), async (handle) =>
            room
              ? readInto(handle, position, room.subarray(0, length))
              : (await handleSource(handle)).read(position, length),
          ),
        );
        if (!found) throw new Fault("snapshot-missing", `${name} is not in the repository`);
        return found;
      }),
    async *list(prefix) {
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      for await (const blob of walk(fs, root, folder)) if (blob.name.startsWith(prefix)) yield blob;
    },
    remove: (name) =>
      withFsFaults(`removing ${name}`, async () => {
        const path = join(root, name);
        files.forget(path);
        if (!(await ifThere(fs.lstat(path)))) return;
        await ifThere(fs.unlink(path));
        await fs.syncDir(dirname(path));
      }),
  };
}

/** Without a look at the file's size: no memory is taken for what is asked. */
async function readInto(handle: FsHandle, position: number, room: Uint8Array): Promise<Uint8Array> {
  const found = await handle.read(room, position);
  if (found === room.length) return room;
  throw corrupt(`bytes up to ${position + room.length} were expected, the file has ${position + found}`);
}

/**
 * Draft, sync, rename, sync of the folder. Where a file of that name is, nothing is written: names say what is inside.
 * A failed sync is not tried again, since the system may have dropped the pages that it failed on.
 */
async function publish(
  fs: Fs,
  { target, draft, parts }: { target: string; draft: string; parts: readonly Uint8Array[] },
): Promise<boolean> {
  if (await ifThere(fs.lstat(target))) {
    // Another may have linked it a moment ago: it counts only once its name is durable.
    await fs.syncDir(dirname(target));
    return false;
  }
  await makeDirs(fs, dirname(draft));
  await makeDirs(fs, dirname(target));
  try {
    await writeDraft(fs, draft, parts);
    return await linkInPlace(fs, draft, target);
  } finally {
    await fs.unlink(draft).catch(() => {});
  }
}

/** A link, not a rename, which would replace what another has put there meanwhile. */
async function linkInPlace(fs: Fs, draft: string, target: string): Promise<boolean> {
  let isNew = true;
  try {
    await fs.link(draft, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    isNew = false;
  }
  await fs.syncDir(dirname(target));
  return isNew;
}

async function writeDraft(fs: Fs, draft: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await fs.open(draft, "wx", 0o600);
  try {
    let position = 0;
    for (const part of parts) {
      await handle.write(part, position);
      position += part.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* walk(
  fs: Fs,
  root: string,
  folder: string,
): AsyncGenerator<{ name: string; bytes: number; modifiedMs: number }> {
  const names = await withFsFaults(
    `listing ${folder}`,
    async () => (await ifThere(fs.readdir(join(root, folder)))) ?? [],
  );
  for (const each of names) {
    const name = `${folder}${each}`;
    const stat = await withFsFaults(`looking at ${name}`, () => ifThere(fs.lstat(join(root, name))));
    if (stat?.kind === "dir") yield* walk(fs, root, `${name}/`);
    else if (stat?.kind === "file")
      yield { name, bytes: stat.size, modifiedMs: Number(stat.mtimeNs / 1_000_000n) };
  }
}
