import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CollectorRepository } from "@locum/contracts";
import { nodeFs } from "@locum/snapshot";
import {
  bytesSource,
  commitSnapshot,
  createRepository,
  directoryStore,
  keyOpener,
  nativeHash,
  type Recipient,
  type Repository,
  recipientOf,
} from "@locum/snapshot/repository";
import { createJobs } from "./create-jobs.ts";
import type { RepositoryThread } from "./repository-thread.ts";

type More = { model?: string; torn?: boolean; digest?: "sha256" | "blake3" };

export type TestRepository = {
  folder: string;
  place: string;
  repository: Repository;
  privateKey: KeyObject;
  config(patch?: object): CollectorRepository;
  /** The jobs themselves, without a thread; `recipients` are those that the writer has. */
  thread(wallMs?: () => number, recipients?: readonly Recipient[]): RepositoryThread;
  recipients: readonly Recipient[];
  commit(files?: Record<string, Uint8Array>, more?: More): Promise<string>;
  away(): void;
  back(): void;
  close(): void;
};

/** A repository in a temporary folder, with the key that opens it. */
export async function newTestRepository(): Promise<TestRepository> {
  const folder = mkdtempSync(join(tmpdir(), "locum-kept-"));
  const place = join(folder, "repository");
  mkdirSync(place);
  const { privateKey } = generateKeyPairSync("x25519");
  const keyFile = join(folder, "ops.key");
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const random = (length: number) => randomBytes(length);
  const store = directoryStore({ fs: nodeFs, root: place, random });
  const deps = { store, hash: nativeHash, random, wallMs: Date.now };
  const repository = await createRepository({ ...deps, idKey: randomBytes(32) });
  const recipients = [recipientOf(privateKey)];
  const elsewhere = join(folder, "elsewhere");
  const move = (from: string, to: string): void => {
    cpSync(from, to, { recursive: true, preserveTimestamps: true });
    rmSync(from, { recursive: true });
  };
  return {
    folder,
    place,
    repository,
    privateKey,
    config: (patch = {}) => CollectorRepository.parse({ place, privateKeyFile: keyFile, ...patch }),
    recipients,
    thread: (wallMs = Date.now, sealedFor = []) => ({
      jobs: createJobs({ ...deps, wallMs, opener: keyOpener(privateKey), recipients: sealedFor }),
      close: async () => {},
    }),
    async commit(
      files = { "model.bin": randomBytes(100_000) },
      { model = "s", torn = false, digest = "sha256" } = {},
    ) {
      const { id } = await commitSnapshot(repository, {
        stub: { model, capturedAt: new Date().toISOString(), parent: null, torn },
        files: Object.entries(files).map(([path, bytes]) => ({
          path,
          mode: 0o644,
          mtimeNs: 1n,
          source: bytesSource(bytes),
        })),
        ...{ recipients, digest },
        by: "test",
      });
      return id;
    },
    away: () => move(place, elsewhere),
    back: () => move(elsewhere, place),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
