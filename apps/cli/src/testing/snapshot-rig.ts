import { generateKeyPairSync } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRandom } from "@locum/runtime";
import { type Desk, openDesk, type Ran } from "./run-cli.ts";

export type SnapshotDesk = Desk & {
  repository: string;
  modelDir: string;
  keyFile: string;
  /** A snapshot verb on the desk's repository. */
  snapshot(verb: string, ...argv: string[]): Promise<Ran>;
  /** One of the desk's model; its id. */
  create(...argv: string[]): Promise<string>;
};

/** A desk with a model of two files, a repository, and an operator who made a key. */
export async function openSnapshotDesk(): Promise<SnapshotDesk> {
  const desk = await openDesk();
  const modelDir = join(desk.dir, "model");
  const repository = join(desk.dir, "repository");
  await mkdir(join(modelDir, "tokenizer"), { recursive: true });
  await writeFile(join(modelDir, "m.safetensors"), safetensors(weights));
  await writeFile(join(modelDir, "tokenizer", "config.json"), '{\n  "lower": true,\n  "max": 512\n}\n');
  const escrow = await writeKeyPair(desk.dir, "escrow");
  const made = await desk.run(
    "snapshot",
    "init",
    "-r",
    repository,
    "--make-key",
    "--recipient",
    escrow.publicFile,
  );
  if (made.code !== 0) throw new Error(made.stderr);
  const snapshot: SnapshotDesk["snapshot"] = (verb, ...argv) =>
    desk.run("snapshot", verb, "-r", repository, ...argv);
  return {
    ...desk,
    repository,
    modelDir,
    keyFile: join(desk.dir, "operator", "locum", "snapshot.key"),
    snapshot,
    async create(...argv) {
      const ran = await snapshot("create", "--model-dir", modelDir, "--name", "digits", "--json", ...argv);
      if (ran.code !== 0) throw new Error(ran.stderr);
      return String(ran.json.at(-1)?.id);
    },
  };
}

/** X25519, as `openssl genpkey` writes it. */
export async function writeKeyPair(dir: string, name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const [privateFile, publicFile] = [join(dir, `${name}.key`), join(dir, `${name}.pub`)];
  await writeFile(privateFile, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  await writeFile(publicFile, publicKey.export({ format: "pem", type: "spki" }));
  return { privateFile, publicFile };
}

const random = createRandom(7);
const noise = (length: number) => Uint8Array.from({ length }, () => random.next() * 256);
export const weights: Record<string, Uint8Array> = {
  "layer.0": noise(300_000),
  "layer.1": noise(100_000),
  bias: noise(2000),
  scale: noise(1000),
};

export function safetensors(tensors: Record<string, Uint8Array>, note = "first"): Uint8Array {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, { length }]) => {
    at += length;
    return [name, { dtype: "U8", shape: [length], data_offsets: [at - length, at] }];
  });
  const header = Buffer.from(JSON.stringify({ __metadata__: { note }, ...Object.fromEntries(entries) }));
  const size = Buffer.alloc(8);
  size.writeUInt32LE(header.length);
  return Buffer.concat([size, header, ...Object.values(tensors)]);
}

/** Every file below a folder, with its bytes. */
export async function filesIn(dir: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(dir.length + 1), (await readFile(path)).toString("latin1"));
  }
  return new Map([...files].toSorted());
}
