import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, Fault, type Release, type ServiceConfig, verifyRelease } from "@locum/contracts";
import type { Log } from "@locum/runtime";

export type ReleaseShelf = {
  /** The newest first: of several that fit, the newest is meant. */
  approved(): readonly Release[];
  find(digest: Digest): Release | undefined;
  /** One from the collector. True where it was not there before. @throws Fault release-invalid | release-unapproved */
  put(value: unknown): Promise<boolean>;
  /** Reads the folders again where something in them changed. True where the set changed. */
  rescan(): Promise<boolean>;
};

export type ReleaseFiles = {
  /** Where operators put releases (shared with the CLI), and where this sidecar keeps what the collector sent. */
  folders: readonly string[];
  keep: (release: Release) => Promise<void>;
};

const filesMax = 256;
const fileBytesMax = 67_108_864;
/** As many as a hello can name. */
const releasesMax = 64;

/** The approved releases of one service. Nothing gets on it that no approver of the service signed. */
export function createReleaseShelf({
  service,
  approvers,
  files,
  log,
}: {
  service: string;
  approvers: ServiceConfig["approvers"];
  files: ReleaseFiles;
  log: Log;
}): ReleaseShelf {
  const shelf = new Map<Digest, Release>();
  const stamps = new Map<string, string>();
  let sorted: readonly Release[] = [];

  const add = (value: unknown): Release | undefined => {
    const release = verifyRelease(value, approvers);
    if (release.body.service !== service)
      throw new Fault(
        "release-invalid",
        `expected a release of ${service}, found one of ${release.body.service}`,
      );
    if (shelf.has(release.digest)) return undefined;
    if (shelf.size >= releasesMax) {
      const oldest = sorted.at(-1);
      if (oldest) shelf.delete(oldest.digest);
    }
    shelf.set(release.digest, release);
    sorted = [...shelf.values()].sort((a, b) => (a.body.createdAt < b.body.createdAt ? 1 : -1));
    return release;
  };
  const addFile = async (file: string): Promise<boolean> => {
    try {
      const { size, mtimeMs, ino } = await stat(file);
      const stamp = `${size}:${mtimeMs}:${ino}`;
      if (stamps.get(file) === stamp) return false;
      if (size > fileBytesMax) throw new Fault("release-invalid", `larger than ${fileBytesMax} bytes`);
      const text = await readFile(file, "utf8");
      stamps.set(file, stamp);
      return add(JSON.parse(text)) !== undefined;
    } catch (error) {
      log("warn", "a release could not be used", { path: file, error });
      return false;
    }
  };

  return {
    approved: () => sorted,
    find: (digest) => shelf.get(digest),
    async put(value) {
      const release = add(value);
      if (release) await files.keep(release);
      return release !== undefined;
    },
    async rescan() {
      let changed = false;
      for (const folder of files.folders) {
        const names = await readdir(folder).catch(() => []);
        const wanted = names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
        for (const name of wanted.slice(-filesMax)) changed = (await addFile(join(folder, name))) || changed;
      }
      return changed;
    },
  };
}
