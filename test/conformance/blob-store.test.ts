import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeFs } from "@locum/snapshot";
import { directoryStore } from "@locum/snapshot/repository";
import { afterAll } from "vitest";
import { blobStoreConformance } from "./blob-store.ts";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

blobStoreConformance("directory", async () => {
  const root = await mkdtemp(join(tmpdir(), "locum-store-"));
  folders.push(root);
  return directoryStore({ fs: nodeFs, root, random: randomBytes });
});
