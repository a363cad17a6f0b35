import { createDecipheriv, createHash, createHmac, hkdfSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { nativeHash } from "../crypto/native-hash.ts";
import { seededBytes } from "../testing/rig.ts";
import { openSegment, type PackEntries, sealSegment } from "./index-segment.ts";
import { appendKeyEvent, readKeyLog } from "./key-log.ts";
import { macLine, openMacLine } from "./mac-line.ts";
import { createRepository, type Repository } from "./repository.ts";

/** Vectors of sections 8 and 9: files that the id key alone opens. */
const fixture = new URL("../../../../../test/fixtures/lsr/small-files.json", import.meta.url);

const packs: PackEntries[] = [
  {
    pack: "1a".repeat(32),
    entries: [
      { chunkId: seededBytes(21)(32), offset: 260, length: 100, plainLength: 4096, codec: 1 },
      {
        chunkId: seededBytes(22)(32),
        offset: 376,
        length: 7,
        plainLength: 4096,
        codec: 4,
        base: seededBytes(21)(32),
      },
    ],
  },
  { pack: "2b".repeat(32), entries: [] },
];

/** The same bytes every time: time and randomness are given. */
async function made(): Promise<{ repository: Repository; files: Record<string, string> }> {
  const blobs = new Map<string, Uint8Array>();
  const store = {
    create: async (name: string, parts: readonly Uint8Array[]) =>
      !blobs.has(name) && !!blobs.set(name, Buffer.concat(parts)),
    size: async (name: string) => blobs.get(name)?.length,
    read: async (name: string) => blobs.get(name) ?? new Uint8Array(),
    async *list() {},
    remove: async () => {},
  };
  const [idKey, wallMs] = [seededBytes(2)(32), () => Date.UTC(2026, 0, 2, 3, 4, 5)];
  const repository = await createRepository({
    store,
    idKey,
    hash: nativeHash,
    random: seededBytes(7),
    wallMs,
  });
  const line = (name: string, members: object): [string, string] => [
    name,
    Buffer.from(macLine(repository.macKey, name, { ...members })).toString(),
  ];
  const segment = sealSegment(packs, repository);
  const at = "2026-01-02T03:04:05.000Z";
  const about = { at, by: "ops@desk", key: "3c".repeat(32) };
  const event = (number: number, members: object) =>
    line(`audit/000000000000000${number}.al`, { ...about, ...members });
  const use = { kind: "key-use", details: { verb: "restore", snapshots: ["01JD0000000000000000000001"] } };
  const first = event(1, { ...use, previous: null });
  const previous = createHash("sha256").update(first[1]).digest("hex");
  const rotated = { recipients: ["4d".repeat(32)], files: 2, failed: 0 };
  return {
    repository,
    files: Object.fromEntries([
      ["config", Buffer.from(blobs.get("config") ?? []).toString()],
      line("refs/digits/latest/0000000000000001", {
        snapshot: "01JD0000000000000000000001",
        at,
        by: "sidecar",
      }),
      line("locks/gc/0000000000000001.json", { holder: "operator", expiresAt: at }),
      first,
      event(2, { kind: "rotated", details: rotated, previous }),
      [`idx/${segment.id}.ix`, Buffer.from(segment.bytes).toString("hex")],
    ]),
  };
}

test("the committed small files are still what the code writes, and it reads them", async () => {
  const { repository, files } = await made();
  if (process.env.LOCUM_UPDATE === "lsr") {
    const idKey = Buffer.from(repository.idKey).toString("hex");
    await writeFile(fixture, `${JSON.stringify({ idKey, files }, undefined, 2)}\n`);
  }
  const committed = JSON.parse(await readFile(fixture, "utf8")).files as Record<string, string>;
  expect(committed).toEqual(files);
  for (const [name, text] of Object.entries(committed))
    if (name.startsWith("idx/"))
      expect(Array.from(openSegment(Buffer.from(text, "hex"), repository), ({ pack }) => pack)).toEqual(
        packs.map(({ pack }) => pack),
      );
    else expect(openMacLine(repository.macKey, name, Buffer.from(text)).name).toBe(name);
});

test("the log of keys that is committed reads back, and the code writes its next event", async () => {
  const { repository, files } = await made();
  const blobs = new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));
  const store = {
    ...repository.store,
    create: async (name: string, parts: readonly Uint8Array[]) =>
      !blobs.has(name) && !!blobs.set(name, Buffer.concat(parts)),
    size: async (name: string) => blobs.get(name)?.length,
    read: async (name: string) => blobs.get(name) ?? new Uint8Array(),
    async *list(prefix: string) {
      for (const name of blobs.keys()) if (name.startsWith(prefix)) yield { name, bytes: 0, modifiedMs: 0 };
    },
  };
  await appendKeyEvent({ ...repository, store }, { kind: "key-use", by: "x", key: null, details: {} });
  const { events, problems } = await readKeyLog({ ...repository, store });
  expect(problems).toEqual([]);
  expect(events.map(({ number, kind }) => [number, kind])).toEqual([
    [1n, "key-use"],
    [2n, "rotated"],
    [3n, "key-use"],
  ]);
});

test("the page alone is enough to read them", async () => {
  const { idKey, files } = JSON.parse(await readFile(fixture, "utf8")) as {
    idKey: string;
    files: Record<string, string>;
  };
  const secret = Buffer.from(idKey, "hex");
  const derive = (salt: Buffer, info: string) => Buffer.from(hkdfSync("sha256", secret, salt, info, 32));
  const repositoryId = Buffer.from(JSON.parse(files.config?.split("\n")[0] ?? "").repository, "hex");
  for (const [name, text] of Object.entries(files)) {
    if (name.startsWith("idx/")) continue;
    const [json = "", mac, end] = text.split("\n");
    expect(createHmac("sha256", derive(repositoryId, "lsr1 mac")).update(json).digest("hex")).toBe(mac);
    expect([JSON.parse(json).name, end]).toEqual([name, ""]);
  }
  const eventOf = (number: number) => files[`audit/000000000000000${number}.al`] ?? "";
  const before = createHash("sha256").update(eventOf(1)).digest("hex");
  expect(JSON.parse(eventOf(2).split("\n")[0] ?? "").previous).toBe(before);
  const [, hex = ""] = Object.entries(files).find(([name]) => name.startsWith("idx/")) ?? [];
  const bytes = Buffer.from(hex, "hex");
  expect(bytes.toString("latin1", 0, 5)).toBe("LSRI\x01");
  const [salt, sealed] = [bytes.subarray(40, 72), bytes.subarray(72)];
  const additional = Buffer.alloc(114);
  bytes.copy(additional, 0, 0, 5);
  additional[5] = 255;
  bytes.copy(additional, 6, 8, 72);
  additional.writeUInt32LE(sealed.length - 16, 78);
  const decipher = createDecipheriv("aes-256-gcm", derive(salt, "lsr1 index"), Buffer.alloc(12));
  decipher.setAAD(additional);
  decipher.setAuthTag(sealed.subarray(-16));
  const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  expect(plain.toString("hex", 0, 32)).toBe("1a".repeat(32));
  expect(plain.readUInt32LE(32)).toBe(2);
  expect(Number(plain.readBigUInt64LE(36 + 32))).toBe(260);
  expect(plain.toString("hex", plain.length - 36)).toBe(`${"2b".repeat(32)}00000000`);
});
