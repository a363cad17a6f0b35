import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault, type Release, type ServiceConfig, verifyRelease } from "@locum/contracts";
import { readJsonFile } from "../read-json-file.ts";

export type ReleaseFile = { file: string; release: Release } | { file: string; fault: Fault };

const filesMax = 256;

/** Every file of the releases folder, verified; the newest release first. */
export async function readReleases(config: ServiceConfig): Promise<ReleaseFile[]> {
  const names = await readdir(config.releases).catch(() => []);
  const files = names.filter((name) => name.endsWith(".json") && !name.startsWith("."));
  const read = files
    .sort()
    .slice(-filesMax)
    .map(async (name): Promise<ReleaseFile> => {
      const file = join(config.releases, name);
      try {
        const release = verifyRelease(await readJsonFile(file, { flag: "releases" }), config.approvers);
        if (release.body.service !== config.service)
          throw new Fault(
            "release-invalid",
            `a release of ${release.body.service}, not of ${config.service}`,
          );
        return { file, release };
      } catch (error) {
        if (error instanceof Fault) return { file, fault: error };
        throw error;
      }
    });
  const created = (one: ReleaseFile): string => ("release" in one ? one.release.body.createdAt : "");
  return (await Promise.all(read)).sort((a, b) => (created(a) < created(b) ? 1 : -1));
}

export async function newestRelease(config: ServiceConfig): Promise<Release | undefined> {
  const [newest] = (await readReleases(config)).filter((one) => "release" in one);
  return newest?.release;
}
