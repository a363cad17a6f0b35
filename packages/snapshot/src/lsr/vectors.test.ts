import { execFile } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeFs } from "../fs.ts";
import { decodeChunk } from "./codec/decode-chunk.ts";
import { keyOpener } from "./crypto/key-opener.ts";
import { digestOf } from "./crypto/keyed-hash.ts";
import { withLaterStanzas } from "./crypto/later-stanzas.ts";
import { chunkRefs } from "./manifest/manifest-body.ts";
import { isModelSigned } from "./manifest/model-signature.ts";
import { isManifestSigned, openManifest } from "./manifest/open-manifest.ts";
import { openPacks } from "./pack/open-packs.ts";
import { directoryStore } from "./store/directory-store.ts";
import { referenceHash as hash } from "./testing/blake3-reference.ts";
import { referenceDecode } from "./testing/reference-decode.ts";
import { seededBytes } from "./testing/rig.ts";
import { third, writeDigestVector } from "./testing/write-digest-vector.ts";
import { writeLaterVectors } from "./testing/write-later-vectors.ts";
import { cryptoVectors, first, second, writeVectors } from "./testing/write-vectors.ts";

const run = promisify(execFile);
const fixtures = fileURLToPath(new URL("../../../../test/fixtures/lsr/", import.meta.url));
const recoverTool = fileURLToPath(new URL("../../recover/recover.mjs", import.meta.url));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const keyFiles = ["recipient-x25519.pem", "recipient-rsa.pem", "recipient-later.pem"];
const readJson = async (name: string) => JSON.parse(await readFile(join(fixtures, name), "utf8"));
const readKey = async (name: string) => createPrivateKey(await readFile(join(fixtures, name)));

beforeAll(async () => {
  // Not with the documents' LOCUM_UPDATE=1: repositories of this version exist, so vectors are added, not replaced.
  if (process.env.LOCUM_UPDATE === "lsr") await writeVectors(fixtures);
  if (process.env.LOCUM_UPDATE === "lsr-later") await writeLaterVectors(fixtures);
  if (process.env.LOCUM_UPDATE === "lsr-digest") await writeDigestVector(fixtures);
});

describe("the committed vectors", () => {
  test("of the codecs decode, by the product's decoder and by the slow one", async () => {
    const vectors = await readJson("codecs.json");
    const codecs = new Set<number>();
    for (const { codec, encoded, base, plain } of vectors) {
      const [bytes, wanted] = [Buffer.from(encoded, "hex"), Buffer.from(plain, "hex")];
      const baseBytes = base === null ? undefined : Buffer.from(base, "hex");
      const decoded = decodeChunk({
        codec,
        bytes,
        length: wanted.length,
        ...(baseBytes && { base: baseBytes }),
      });
      expect(hex(decoded)).toBe(plain);
      expect(hex(referenceDecode(codec, bytes, wanted.length, baseBytes))).toBe(plain);
      codecs.add(codec);
    }
    expect([...codecs].toSorted()).toEqual([0, 1, 2, 3, 4]);
  });

  test("of key derivation, sealing and the gear table are still what the code does", async () => {
    expect(await readJson("crypto.json")).toEqual(cryptoVectors());
  });

  // The last one came later: no stanza of a pack or a manifest is for it, only those beside them.
  test.for(keyFiles)("repository reads back with %s", async (name) => {
    const own = keyOpener(await readKey(name));
    const signer = createPublicKey(await readFile(join(fixtures, "signer-public.pem")));
    const root = join(fixtures, "repository");
    const store = directoryStore({ fs: nodeFs, root, random: seededBytes(9) });
    const opener = withLaterStanzas(store, own);
    const packs = await openPacks({
      store,
      opener,
      hash,
    });
    expect(packs.unreadable).toEqual([]);
    for (const [id, files] of Object.entries<Record<string, string>>(await readJson("expected.json"))) {
      const bytes = await readFile(join(root, "snaps", `${id}.sn`));
      expect(isManifestSigned(bytes, id, signer)).toBe(true);
      const { body, stub } = await openManifest(bytes, id, opener);
      const found = body.files.flatMap((entry) => (entry.kind === "file" ? [entry] : []));
      expect(isModelSigned(body.bundle, { model: stub.model, files: found, key: signer })).toBe(true);
      expect(Object.fromEntries(found.map(({ path, sha256 }) => [path, sha256]))).toEqual(files);
      for (const file of found) {
        const digest = createHash("sha256");
        for (const { chunkId } of chunkRefs(file)) digest.update(await packs.read(chunkId));
        expect(digest.digest("hex"), file.path).toBe(file.sha256);
      }
    }
    // All that the format has is in it, or the recovery tool proves less than it seems to.
    const codecs = packs.entries().map(({ codec }) => codec);
    expect(new Set(codecs)).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});

describe("the recovery tool, which shares no code with the writer,", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-recover-"));
  });
  afterAll(() => rm(dir, { recursive: true }));
  const recover = (...args: string[]) => run(process.execPath, [recoverTool, ...args]);
  const using = (key: string, repository = join(fixtures, "repository")) => [
    "--repository",
    repository,
    "--key",
    join(fixtures, key),
    "--signer",
    join(fixtures, "signer-public.pem"),
  ];

  test("is at most 300 lines and imports nothing of ours", async () => {
    const source = await readFile(recoverTool, "utf8");
    expect(source.split("\n").length - 1).toBeLessThanOrEqual(300);
    expect(
      [...source.matchAll(/from "([^"]+)"/g)].filter(
        ([, name]) => name !== "node:zlib" && !name?.startsWith("node:"),
      ),
    ).toEqual([]);
  });

  test.for([
    ["recipient-x25519.pem", first],
    ["recipient-x25519.pem", second],
    ["recipient-rsa.pem", second],
    ["recipient-later.pem", second],
  ] as const)("restores every file with %s: %s", async ([key, id]) => {
    const to = join(dir, `${key}-${id}`);
    await recover(...using(key), "--snapshot", id, "--to", to);
    const wanted: Record<string, string> = (await readJson("expected.json"))[id];
    for (const [path, sha256] of Object.entries(wanted))
      expect(
        createHash("sha256")
          .update(await readFile(join(to, path)))
          .digest("hex"),
        path,
      ).toBe(sha256);
    expect(await readlink(join(to, "current"))).toBe("1/model.onnx");
  });

  test("restores a snapshot whose manifest has BLAKE3 of the files, which it cannot take, and no SHA-256", async () => {
    const repository = join(dir, "blake3");
    await cp(join(fixtures, "repository"), repository, { recursive: true });
    await cp(join(fixtures, `${third}.sn`), join(repository, "snaps", `${third}.sn`));
    const own = keyOpener(await readKey("recipient-x25519.pem"));
    const { body } = await openManifest(await readFile(join(fixtures, `${third}.sn`)), third, own);
    const to = join(dir, "from-blake3");
    const key = join(fixtures, "recipient-x25519.pem");
    await recover("--repository", repository, "--key", key, "--snapshot", third, "--to", to);
    const wanted: Record<string, string> = (await readJson("expected.json"))[second];
    const found = body.files.flatMap((entry) => (entry.kind === "file" ? [entry] : []));
    expect(found.map(({ path }) => path).toSorted()).toEqual(Object.keys(wanted).toSorted());
    for (const { path, sha256, blake3 } of found) {
      const bytes = await readFile(join(to, path));
      expect(sha256Of(bytes), path).toBe(wanted[path]);
      expect({ sha256, blake3 }, path).toEqual({ blake3: hex(digestOf(hash, [bytes])) });
    }
  });

  test("lists, refuses a folder that is not empty, a stranger's key and another signer", async () => {
    const { stdout } = await recover(...using("recipient-x25519.pem"), "--list");
    expect(stdout.match(/^01JD\w+/gm)).toEqual([second, first]);
    await writeFile(join(dir, "there"), "");
    await expect(recover(...using("recipient-x25519.pem"), "--to", dir)).rejects.toThrow(/is not empty/);
    const stranger = join(dir, "stranger.pem");
    await writeFile(
      stranger,
      generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }),
    );
    await expect(
      recover("--repository", join(fixtures, "repository"), "--key", stranger, "--list"),
    ).rejects.toThrow(/not sealed for this key/);
    const other = join(dir, "other.pem");
    await writeFile(
      other,
      generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" }),
    );
    const args = using("recipient-x25519.pem").with(-1, other);
    await expect(recover(...args, "--to", join(dir, "none"))).rejects.toThrow(/is not signed by/);
  });

  test("restores what it can from a damaged repository and names the rest", async () => {
    const repository = join(dir, "damaged");
    await cp(join(fixtures, "repository"), repository, { recursive: true });
    const packs = (await readdir(join(repository, "packs"), { recursive: true })).filter((name) =>
      name.endsWith(".pk"),
    );
    for (const name of packs) {
      const path = join(repository, "packs", name);
      const bytes = await readFile(path);
      // Somewhere in the records: the trailer still opens, one of the chunks does not.
      await writeFile(path, bytes.with(2000, (bytes[2000] ?? 0) ^ 1));
    }
    const to = join(dir, "partly");
    await expect(recover(...using("recipient-x25519.pem", repository), "--to", to)).rejects.toThrow(
      /of 7 not restored/,
    );
    expect(await readFile(join(to, "empty.txt"), "utf8")).toBe("");
    const wanted: Record<string, string> = (await readJson("expected.json"))[second];
    const there = (await readdir(to, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    const whole = there
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.endsWith(".partial"));
    expect(whole.length).toBeLessThan(Object.keys(wanted).length);
    for (const path of whole)
      expect(sha256Of(await readFile(path)), path).toBe(wanted[path.slice(to.length + 1)]);
  });
});
