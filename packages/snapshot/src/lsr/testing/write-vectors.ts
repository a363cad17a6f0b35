import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeFs } from "../../fs.ts";
import { bytesSource } from "../byte-source.ts";
import { gearTable } from "../chunk/gear.ts";
import { encodeChunk, type Plan } from "../codec/encode-chunk.ts";
import { deriveKey } from "../crypto/derive-key.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { seal } from "../crypto/seal.ts";
import { directoryStore } from "../store/directory-store.ts";
import { writeSnapshot } from "../write-snapshot.ts";
import { referenceHash as hash } from "./blake3-reference.ts";
import { floatBytes } from "./float-bytes.ts";
import { onnxFile, safetensorsFile } from "./model-files.ts";
import { seededBytes } from "./rig.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

export const [first, second] = ["01JD0000000000000000000001", "01JD0000000000000000000002"];
export const repositoryId = seededBytes(101)(32);
const idKey = seededBytes(102)(32);

/** The two versions of the vectors' model: the second has a changed layer, a longer header and another text. */
function modelFiles(version: 1 | 2): Record<string, Uint8Array> {
  const layer = floatBytes({ dtype: "bf16", count: 40_000, seed: 7 });
  const tuned = layer.map((byte, at) => (version === 2 && at % 400 === 0 ? byte ^ 1 : byte));
  const tensors = [
    { name: "layer.weight", bytes: tuned },
    { name: "layer.zero", bytes: new Uint8Array(70_000) },
    { name: "norm", bytes: floatBytes({ dtype: "bf16", count: 200, seed: 8 }) },
  ];
  return {
    "model.safetensors": safetensorsFile(tensors, "BF16", version === 2 ? "tuned" : ""),
    "1/model.onnx": onnxFile(
      [{ name: "w", bytes: floatBytes({ dtype: "f32", count: 20_000, seed: 9 }) }],
      [],
      "",
    ),
    "config.json": Buffer.from(JSON.stringify({ version, hidden_size: 200 }, null, 2).repeat(version)),
    "empty.txt": new Uint8Array(),
    "noise.bin": seededBytes(10)(3000),
  };
}

const plans: Plan[] = [
  { kind: "raw" },
  { kind: "zstd" },
  ...([1, 2, 4, 8] as const).map(
    (width): Plan => ({ kind: "planes", mode: { width, isRotated: width > 1 } }),
  ),
];

/** Makes the whole folder anew, with new keys. */
export async function writeVectors(fixtures: string): Promise<void> {
  await rm(fixtures, { recursive: true, force: true });
  await mkdir(fixtures, { recursive: true });
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });
  const keys = {
    "recipient-x25519.pem": generateKeyPairSync("x25519").privateKey,
    "recipient-rsa.pem": generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey,
    "signer.pem": generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  };
  for (const [name, key] of Object.entries(keys)) await writeFile(join(fixtures, name), pem(key));
  const signer = keys["signer.pem"];
  await writeFile(
    join(fixtures, "signer-public.pem"),
    createPublicKey(signer).export({ type: "spki", format: "pem" }),
  );
  const recipients = [keys["recipient-x25519.pem"], keys["recipient-rsa.pem"]].map((key) => recipientOf(key));
  const root = join(fixtures, "repository");
  const random = seededBytes(103);
  const store = directoryStore({ fs: nodeFs, root, random });
  const writer = { store, hash, repositoryId, idKey, recipients, random };
  await mkdir(root);
  const known = new Set<string>();
  for (const version of [1, 2] as const) {
    const sources = Object.entries(modelFiles(version)).map(([path, bytes]) => ({
      path,
      mode: 0o644,
      mtimeNs: 1_760_000_000_000_000_000n,
      source: bytesSource(bytes),
    }));
    const older = modelFiles(1);
    const shift =
      (modelFiles(2)["model.safetensors"]?.length ?? 0) - (older["model.safetensors"]?.length ?? 0);
    await writeSnapshot(
      {
        stub: {
          id: version === 1 ? first : second,
          model: "digits",
          capturedAt: `2026-01-0${version}T00:00:00.000Z`,
          parent: version === 1 ? null : first,
          torn: false,
        },
        files: sources,
        others: [
          { path: "1", kind: "dir", mode: 0o755 },
          { path: "current", kind: "link", target: "1/model.onnx" },
        ],
        state: { server: "rig", flags: ["--model=digits"] },
        signer,
        known,
        ...(version === 2 && {
          base: async ({ path, start, length }) =>
            path === "model.safetensors" && length === 80_000
              ? older[path]?.subarray(start - shift, start - shift + length)
              : undefined,
        }),
      },
      writer,
    );
  }
  await rm(join(root, "tmp"), { recursive: true });
  await writeFile(join(fixtures, "codecs.json"), `${JSON.stringify(codecVectors(), null, 2)}\n`);
  await writeFile(join(fixtures, "crypto.json"), `${JSON.stringify(cryptoVectors(), null, 2)}\n`);
  await writeFile(join(fixtures, "expected.json"), `${JSON.stringify(expected(), null, 2)}\n`);
}

function codecVectors() {
  const base = floatBytes({ dtype: "bf16", count: 100, seed: 20 });
  const plains = [
    Uint8Array.from({ length: 203 }, (_, at) => Math.floor(Math.sqrt(at)) % 5),
    base.map((byte, at) => (at === 10 ? byte ^ 4 : byte)),
    new Uint8Array(21).fill(9),
    Uint8Array.from({ length: 22 }, (_, at) => at % 4),
    floatBytes({ dtype: "f32", count: 600, seed: 21 }),
  ];
  return plains.flatMap((plain) =>
    plans.flatMap((plan) =>
      [undefined, base].flatMap((base) => {
        if (base && base.length !== plain.length) return [];
        const { codec, bytes } = encodeChunk(plain, plan, base);
        return [{ codec, encoded: hex(bytes), base: base ? hex(base) : null, plain: hex(plain) }];
      }),
    ),
  );
}

export function cryptoVectors() {
  const [key, salt] = [seededBytes(30)(32), seededBytes(31)(32)];
  const context = {
    magic: "LSRP",
    repositoryId,
    salt,
    ordinal: 5n,
    codec: 1,
    plainLength: 9,
    bound: seededBytes(32)(32),
  };
  const purposes = ["lsr1 commit", "lsr1 record", "lsr1 trailer", "lsr1 index", "lsr1 mac"] as const;
  return {
    key: hex(key),
    salt: hex(salt),
    repositoryId: hex(repositoryId),
    derived: Object.fromEntries(purposes.map((purpose) => [purpose, hex(deriveKey(key, salt, purpose))])),
    gear: [...gearTable(key, repositoryId).subarray(0, 8)],
    sealed: {
      ordinal: 5,
      codec: 1,
      plainLength: 9,
      bound: hex(context.bound),
      bytes: "616263",
      sealed: hex(seal(key, Buffer.from("abc"), context)),
    },
  };
}

const expected = () =>
  Object.fromEntries(
    ([1, 2] as const).map((version) => [
      version === 1 ? first : second,
      Object.fromEntries(
        Object.entries(modelFiles(version)).map(([path, bytes]) => [
          path,
          createHash("sha256").update(bytes).digest("hex"),
        ]),
      ),
    ]),
  );
