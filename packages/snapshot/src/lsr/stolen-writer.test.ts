import { spawn } from "node:child_process";
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeFs } from "../fs.ts";
import { bytesSource } from "./byte-source.ts";
import { deriveKey } from "./crypto/derive-key.ts";
import { nativeHash } from "./crypto/native-hash.ts";
import { limits } from "./limits.ts";
import { type Header, parseHeader } from "./pack/header.ts";
import { openPack, readRecord } from "./pack/read-pack.ts";
import { createRepository } from "./repository/repository.ts";
import { directoryStore } from "./store/directory-store.ts";
import { floatBytes } from "./testing/float-bytes.ts";
import { safetensorsFile } from "./testing/model-files.ts";
import { findInMemory, openMemory, type ProcessMemory } from "./testing/process-memory.ts";
import { opener, privateKey, privateKeyOf, sealing, seededBytes } from "./testing/rig.ts";

const child = fileURLToPath(new URL("./testing/steal-writer-child.ts", import.meta.url));
const operators = [
  privateKey,
  privateKeyOf(12),
  generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey,
];

/** What opens one stored file, as only its recipients can work it out. */
type Secrets = { name: string; header: Header; file: Uint8Array; keys: Map<string, Uint8Array> };

let [dir, writerDir] = ["", ""];
let modelDirs: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-stolen-"));
  writerDir = join(dir, "writer");
  modelDirs = [1, 2].map((n) => join(dir, `model-${n}`));
  for (const [n, folder] of modelDirs.entries()) {
    await mkdir(folder, { recursive: true });
    const tensors = [0, 1].map((at) => ({
      name: `w${at}`,
      bytes: floatBytes({ dtype: "bf16", count: 700_000, seed: 300 + n * at }),
    }));
    await writeFile(join(folder, "model.safetensors"), safetensorsFile(tensors));
    await writeFile(join(folder, "config.json"), JSON.stringify({ n, text: "digits ".repeat(2000) }));
  }
  await mkdir(writerDir);
  await writeFile(join(writerDir, "id.key"), `${Buffer.from(sealing.idKey).toString("base64")}\n`);
  const pems = operators.map((key) => createPublicKey(key).export({ format: "pem", type: "spki" }));
  await writeFile(join(writerDir, "recipients.pem"), pems.join(""));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function newRepository(name: string): Promise<string> {
  const root = join(dir, name);
  await mkdir(root);
  const store = directoryStore({ fs: nodeFs, root, random: seededBytes(1) });
  await createRepository({
    store,
    idKey: sealing.idKey,
    hash: nativeHash,
    random: seededBytes(2),
    wallMs: () => 1e12,
  });
  return root;
}

/**
 * The thief has the writer's folder, the repository and all memory of the process that wrote it, and neither a private
 * key nor the model's folder. What this proves: no key of a stored file, nor what unwraps one, is in that memory, in any
 * place for those that the operators know, and around every place that points to a file for those that nobody knows. It
 * does not prove that no bytes of the model linger there: the machine had the model.
 */
describe.for([true, false])("a stolen writer, with its memory (threads: %s),", (withPool) => {
  test("opens nothing that it wrote", { timeout: 60_000 }, async ({ skip }) => {
    const root = await newRepository(`threads-${withPool}`);
    const heapFile = join(dir, `heap-${withPool}.heapsnapshot`);
    const input = { root, writerDir, modelDirs, withPool, heapFile };
    const victim = spawn(process.execPath, [child, JSON.stringify(input)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    // It may be gone by itself before it is killed.
    const gone = once(victim, "exit");
    try {
      const lines = createInterface({ input: victim.stdout })[Symbol.asyncIterator]();
      const { keptPublic } = JSON.parse((await lines.next()).value ?? "{}");
      const files = await readSecrets(root);
      expect(files.length).toBeGreaterThanOrEqual(4);
      const memory = await openMemory(victim.pid ?? 0);
      if (memory)
        await searchMemory(memory, files, Buffer.from(keptPublic, "hex")).finally(() => memory.close());
      victim.stdin.write("heap\n");
      expect((await lines.next()).value).toMatch(/^written/);
      await searchText(heapFile, files);
      if (!memory) skip("this system lets nobody read another process's memory: only its heap was looked at");
    } finally {
      victim.kill("SIGKILL");
      await gone;
    }
  });
});

/** By the operators' private keys: every key of every pack and manifest, and what each stanza is opened with. */
async function readSecrets(root: string): Promise<Secrets[]> {
  const names = (await readdir(root, { recursive: true })).filter((name) => /\.(pk|sn)$/.test(name));
  const files: Secrets[] = [];
  for (const name of names) {
    const file = await readFile(join(root, name));
    const header = parseHeader(file.subarray(0, limits.header), name.endsWith(".sn") ? "LSRM" : "LSRP");
    const { fileKey } = await opener.open({ name, header, more: [] });
    const keys = new Map([
      ["file key", Uint8Array.from(fileKey)],
      ["record key", deriveKey(fileKey, header.salt, "lsr1 record")],
    ]);
    for (const [n, { kind, wrapped }] of header.stanzas.entries())
      for (const [what, key] of kind === 1 ? stanzaKeys(wrapped, operators[n]) : [])
        keys.set(`${what} ${n}`, key);
    files.push({ name, header, file, keys });
  }
  return files;
}

function* stanzaKeys(wrapped: Uint8Array, key = privateKey): Generator<[string, Uint8Array]> {
  const ephemeral = wrapped.subarray(0, 32);
  const publicKey = rawPublicKey(ephemeral);
  const shared = diffieHellman({ privateKey: key, publicKey });
  yield ["shared secret", shared];
  const own = createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32);
  yield ["wrapping key", deriveKey(shared, Buffer.concat([ephemeral, own]), "lsr1 x25519")];
}

async function searchMemory(
  memory: ProcessMemory,
  files: readonly Secrets[],
  kept: Uint8Array,
): Promise<void> {
  const needles = new Map<string, Uint8Array>([["the id key", sealing.idKey]]);
  for (const { name, keys } of files) for (const [what, key] of keys) needles.set(`${what} of ${name}`, key);
  const ephemerals = new Map([["the one that is kept", kept]]);
  for (const { name, header } of files)
    for (const [n, { kind, wrapped }] of header.stanzas.entries())
      if (kind === 1) ephemerals.set(`stanza ${n} of ${name}`, wrapped.subarray(0, 32));
  const { found } = await findInMemory(memory, new Map([...needles, ...ephemerals]));
  // A writer has it for as long as it lives: who does not see it sees nothing.
  expect(found.get("the id key")).toBeDefined();
  expect([...found.keys()].filter((name) => needles.has(name))).toEqual(["the id key"]);
  const lingering: string[] = [];
  for (const [name, wanted] of ephemerals)
    if (await hasPrivateHalf(memory, wanted, found.get(name) ?? [])) lingering.push(name);
  expect(lingering).toEqual(["the one that is kept"]);
}

/**
 * An ephemeral private key that outlives its stanza opens it. Nobody knows it, but OpenSSL has it where its public half
 * points.
 */
async function hasPrivateHalf(
  memory: ProcessMemory,
  wanted: Uint8Array,
  places: readonly number[],
): Promise<boolean> {
  const seen = new Set<string>();
  for (const place of places)
    for await (const candidate of near(memory, place)) {
      const hex = hexOf(candidate);
      if (seen.has(hex)) continue;
      seen.add(hex);
      if (Buffer.compare(publicOf(candidate), wanted) === 0) return true;
    }
  return false;
}

/** 32 bytes that lie beside a place, and those that an address beside it leads to. */
async function* near({ maps, read }: ProcessMemory, place: number): AsyncGenerator<Uint8Array> {
  const reach = 512;
  const start = place - (place % 8) - reach;
  const around = await read(start, 2 * reach + 32);
  if (!around) return;
  for (let at = 0; at + 32 <= around.length; at += 8) {
    yield around.subarray(at, at + 32);
    const address = Number(around.readBigUInt64LE(at));
    if (!maps.some(({ start, end }) => address >= start && address + 32 <= end)) continue;
    const there = await read(address, 32);
    if (there?.length === 32) yield there;
  }
}

/** A heap snapshot has strings, not buffers: whatever a key was turned into on its way. */
async function searchText(heapFile: string, files: readonly Secrets[]): Promise<void> {
  const text = await readFile(heapFile, "latin1");
  const forms = (key: Uint8Array) =>
    (["hex", "base64", "base64url"] as const).map((form) =>
      Buffer.from(key).toString(form).replace(/=+$/, ""),
    );
  expect(text).toContain("id.key");
  for (const { name, keys } of files)
    for (const [what, key] of keys)
      expect(
        forms(key).filter((form) => text.includes(form)),
        `${what} of ${name}`,
      ).toEqual([]);
}

test("what the thief has instead, the id key, opens no record", async () => {
  const [pack] = (await readSecrets(join(dir, "threads-true"))).filter(({ name }) => name.endsWith(".pk"));
  if (!pack) throw new Error("a pack");
  const source = bytesSource(pack.file);
  const open = await openPack(source, { name: pack.name, opener });
  const { repositoryId, salt } = pack.header;
  for (const salts of [salt, repositoryId, new Uint8Array(32)])
    for (const info of ["lsr1 record", "lsr1 trailer", "lsr1 index", "lsr1 mac"])
      await expect(
        readRecord(
          { ...open, recordKey: new Uint8Array(hkdfSync("sha256", sealing.idKey, salts, info, 32)) },
          0,
          {
            hash: nativeHash,
          },
        ),
      ).rejects.toMatchObject({ code: "snapshot-corrupt" });
});

const publicOf = (scalar: Uint8Array): Uint8Array =>
  createPublicKey(
    createPrivateKey({
      key: Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), scalar]),
      format: "der",
      type: "pkcs8",
    }),
  )
    .export({ type: "spki", format: "der" })
    .subarray(-32);

const rawPublicKey = (raw: Uint8Array): KeyObject =>
  createPublicKey({
    key: Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), raw]),
    format: "der",
    type: "spki",
  });

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
