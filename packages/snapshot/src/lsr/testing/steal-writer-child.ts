// A writer as a sidecar is one: it commits what it is told to, says so, and lives on. To be robbed.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { writeHeapSnapshot } from "node:v8";
import { nodeFs } from "../../fs.ts";
import { captureTree } from "../capture/capture-tree.ts";
import { readWriter } from "../crypto/key-files.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { createSnapshotPool } from "../pipeline/snapshot-pool.ts";
import { commitSnapshot } from "../repository/commit-snapshot.ts";
import { openRepository } from "../repository/repository.ts";
import { directoryStore } from "../store/directory-store.ts";

const { root, writerDir, modelDirs, withPool, heapFile } = JSON.parse(process.argv[2] ?? "{}") as {
  root: string;
  writerDir: string;
  modelDirs: string[];
  withPool: boolean;
  heapFile: string;
};
const readTextFile = (file: string) => readFile(file, "utf8");
const writer = await readWriter(writerDir, { readTextFile, readSecretFile: readTextFile });
if (!writer) throw new Error("no writer");
const { idKey, recipients } = writer;
const store = directoryStore({ fs: nodeFs, root, random: randomBytes });
const repository = await openRepository({
  store,
  idKey,
  hash: nativeHash,
  random: randomBytes,
  wallMs: Date.now,
});
const pool = withPool ? createSnapshotPool({ threads: 2 }) : undefined;
for (const modelDir of modelDirs) {
  const capture = await captureTree({ root: modelDir });
  await commitSnapshot(repository, {
    ...capture,
    stub: { model: "digits", capturedAt: new Date().toISOString(), parent: null, torn: false },
    recipients,
    by: "sidecar",
    ...(pool && { pool }),
  });
  await capture.close();
}
// One that is kept on purpose, so that the thief can show that he would find one.
const kept = generateKeyPairSync("x25519");
const keptPublic = kept.publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
process.stdout.write(`${JSON.stringify({ keptPublic })}\n`);
// The parent robs it meanwhile; a heap snapshot collects garbage first, so it is made when all else is taken.
for await (const line of process.stdin) if (String(line).includes("heap")) break;
writeHeapSnapshot(heapFile);
process.stdout.write(`written by ${kept.privateKey.asymmetricKeyType}\n`);
await pool?.close();
