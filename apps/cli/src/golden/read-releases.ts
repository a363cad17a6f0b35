import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Fault, type Release, type ServiceConfig, verifyRelease } from "@locum/contracts";
import { readJsonFile } from "../read-json-file.ts";

export type ReleaseFile = { file: string; release: Release } | { file: string; fault: Fault };

const filesMax = 256;

/** The releases of this service in its folder, verified, the newest first; services may share a folder. */
export async function readReleases(config: ServiceConfig): Promise<ReleaseFile[]> {
  const names = await readdir(config.releases).catch(() => []);
  const files = names.filter((name) => name.endsWith(".json") && !name.startsWith(".")).sort();
  const read = await Promise.all(
    files.slice(-filesMax).map((name) => readRelease(join(config.releases, name), config)),
  );
  const created = (one: ReleaseFile): string => ("release" in one ? one.release.body.createdAt : "");
  return read.flatMap((one) => one ?? []).sort((a, b) => (created(a) < created(b) ? 1 : -1));
}

async function readRelease(
  file: string,
  { service, approvers }: ServiceConfig,
): Promise<ReleaseFile | undefined> {
  try {
    const value = await readJsonFile(file, { flag: "releases" });
    const owner = (value as { body?: { service?: unknown } } | null)?.body?.service;
    if (typeof owner === "string" && owner !== service) return undefined;
    return { file, release: verifyRelease(value, approvers) };
  } catch (error) {
    if (error instanceof Fault) return { file, fault: error };
    throw error;
  }
}

export async function newestRelease(config: ServiceConfig): Promise<Release | undefined> {
  const [newest] = (await readReleases(config)).filter((one) => "release" in one);
  return newest?.release;
}
