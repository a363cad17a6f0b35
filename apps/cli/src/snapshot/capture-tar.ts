import { type FileHandle, open } from "node:fs/promises";
import { posix } from "node:path";
import { Fault } from "@locum/contracts";
import type { ByteSource, Capture, ManifestBody } from "@locum/snapshot/repository";
import { readTar, type TarMember } from "./read-tar.ts";
import type { Left } from "./watch-capture.ts";

/**
 * A tar archive as a tree to take a snapshot of, read in place. It counts as torn where the archive changed meanwhile, or
 * where a link in it leads out and so is not held.
 * @throws Fault not-found, as `readTar`
 */
export async function captureTar(file: string): Promise<Capture> {
  const handle = await open(file, "r").catch((cause: unknown) => {
    throw new Fault("not-found", `${file} cannot be read: ${(cause as Error).message}`, { cause });
  });
  try {
    const stamp = await stampOf(handle);
    const members = await readTar(rangeOf(handle, 0, (await handle.stat()).size));
    refuseNested(members);
    const left = members.filter(leadsOut).map(({ path }): Left => ({ path, reason: "outside" }));
    const files = members.flatMap(({ kind, path, mode, mtimeNs, start, size }) =>
      kind === "file" ? [{ path, mode, mtimeNs, source: rangeOf(handle, start, size) }] : [],
    );
    const others = members.flatMap((member): ManifestBody["files"] => {
      const { kind, path, mode, target = "" } = member;
      if (kind === "file" || leadsOut(member)) return [];
      return [kind === "dir" ? { path, kind, mode } : { path, kind, target }];
    });
    return {
      files,
      async settle() {
        const isChanged = (await stampOf(handle)) !== stamp;
        await handle.close();
        return {
          again: [],
          whole: new Set(files.map(({ path }) => path)),
          others,
          left,
          torn: isChanged || left.length > 0,
        };
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const stampOf = async (handle: FileHandle): Promise<string> => {
  const { size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
  return `${size} ${mtimeNs} ${ctimeNs}`;
};

const rangeOf = (handle: FileHandle, start: number, size: number): ByteSource => ({
  size,
  async read(position, length) {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(bytes, done, length - done, start + position + done);
      if (bytesRead === 0) throw new Fault("tree-changed", "the archive became shorter while it was read");
      done += bytesRead;
    }
    return bytes;
  },
});

/** A manifest has nothing below a file or a link: such an archive could not be restored. */
function refuseNested(members: readonly TarMember[]): void {
  const kinds = new Map(members.map(({ path, kind }) => [path, kind]));
  for (const { path } of members)
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above))
      if (kinds.has(above) && kinds.get(above) !== "dir")
        throw new Fault(
          "request-invalid",
          `${path.slice(0, 100)} lies below ${above.slice(0, 100)}, no folder`,
        );
}

function leadsOut({ kind, path, target = "" }: TarMember): boolean {
  if (kind !== "link") return false;
  const lands = posix.join(posix.dirname(path), target);
  const isOut = target === "" || posix.isAbsolute(target) || lands === ".." || lands.startsWith("../");
  return isOut || target.includes("\0") || Buffer.byteLength(target) > 4096;
}
