import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { nodeFs } from "../../fs.ts";
import { Crash, faultyFs } from "../../testing/faulty-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { keyOpener } from "../crypto/key-opener.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { type Recipient, recipientOf } from "../crypto/recipient.ts";
import { directoryStore } from "../store/directory-store.ts";
import {
  commitOf,
  filesOf,
  hourMs,
  namesOf,
  newRepository,
  readBack,
  repositoryDeps,
  weightsOf,
} from "../testing/repository-rig.ts";
import { opener, openerOf, privateKeyOf, sealing, seededBytes } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { forget } from "./forget.ts";
import { readKeyAccess } from "./key-access.ts";
import { createRepository, openRepository, type Repository } from "./repository.ts";
import { type Rewrapped, rewrapKeys } from "./rewrap-keys.ts";

const run = promisify(execFile);
const recoverTool = fileURLToPath(new URL("../../../recover/recover.mjs", import.meta.url));
const newcomer = recipientOf(privateKeyOf(77));
const hexOf = ({ id }: Recipient) => Buffer.from(id).toString("hex");

async function rewrap(
  repository: Pick<Repository, "store">,
  recipients: readonly Recipient[] = [newcomer],
  by = opener,
): Promise<Record<Rewrapped["outcome"], number>> {
  const counts = { rewrapped: 0, already: 0, gone: 0, failed: 0 };
  const onFile = ({ outcome }: Rewrapped) => void counts[outcome]++;
  await rewrapKeys(repository, { opener: by, recipients, onFile });
  return counts;
}

/** Two snapshots, of 2 packs and 2 manifests. */
async function twoSnapshots() {
  const made = await newRepository();
  const ids: string[] = [];
  for (const seed of [1, 2]) {
    ids.push((await commitOf(made.repository, weightsOf(seed))).id);
    made.time.nowMs += 1000;
  }
  return { ...made, ids };
}

const laterNames = async (repository: Repository) =>
  [...(await namesOf(repository, "packs/")), ...(await namesOf(repository, "snaps/"))].filter((name) =>
    name.endsWith(".wk"),
  );

describe("a new recipient", () => {
  test("reads nothing before rotation and everything after it; packs and manifests stay as they are", async () => {
    const { repository, ids } = await twoSnapshots();
    const [id = ""] = ids;
    await expect(readBack(repository, id, openerOf(77))).rejects.toMatchObject({ code: "not-authorised" });
    const before = await namesOf(repository, "");
    expect(await rewrap(repository)).toEqual({ rewrapped: 4, already: 0, gone: 0, failed: 0 });
    const after = await namesOf(repository, "");
    expect(after.filter((name) => !name.endsWith(".wk"))).toEqual(before);
    for (const [at, id] of ids.entries()) {
      expect(await readBack(repository, id, openerOf(77))).toEqual(filesOf(weightsOf(at + 1)));
      // Who could read it can read it still.
      for (const key of [opener, openerOf(12)])
        expect(await readBack(repository, id, key)).toEqual(filesOf(weightsOf(at + 1)));
    }
    await expect(readBack(repository, id, openerOf(78))).rejects.toMatchObject({ code: "not-authorised" });
    expect((await checkRepository(repository, { opener: openerOf(77) })).damage).toEqual([]);
  });

  test("a second run has nothing to do; one that was given access gives access to others", async () => {
    const { repository, ids } = await twoSnapshots();
    await rewrap(repository);
    const names = await namesOf(repository, "");
    expect(await rewrap(repository)).toEqual({ rewrapped: 0, already: 4, gone: 0, failed: 0 });
    expect(await namesOf(repository, "")).toEqual(names);
    const third = recipientOf(privateKeyOf(79));
    expect((await rewrap(repository, [newcomer, third], openerOf(77))).rewrapped).toBe(4);
    expect(await readBack(repository, ids[0] ?? "", openerOf(79))).toEqual(filesOf(weightsOf(1)));
    const { all, recipients, unreadable } = await readKeyAccess(repository);
    expect([all.packs, all.manifests, unreadable]).toEqual([2, 2, []]);
    for (const recipient of [...sealing.recipients, newcomer, third])
      expect(recipients.get(hexOf(recipient))).toEqual(all);
  });

  test("may be an RSA key", async () => {
    const { repository, ids } = await twoSnapshots();
    const rsa = generateKeyPairSync("rsa", { modulusLength: 3072 });
    await rewrap(repository, [recipientOf(rsa.publicKey)]);
    expect(await readBack(repository, ids[1] ?? "", keyOpener(rsa.privateKey))).toEqual(
      filesOf(weightsOf(2)),
    );
  });

  test("of a key that opens nothing gets nothing, and is told so for each file", async () => {
    const { repository } = await twoSnapshots();
    expect(await rewrap(repository, [newcomer], openerOf(404))).toMatchObject({ rewrapped: 0, failed: 4 });
    expect(await laterNames(repository)).toEqual([]);
  });
});

test("many rotations: nobody whom the last one named is lost, and little is read", async () => {
  const { repository, ids } = await twoSnapshots();
  // More than a reader looks at.
  for (let seed = 200; seed < 270; seed++) await rewrap(repository, [recipientOf(privateKeyOf(seed))]);
  await rewrap(repository, [newcomer, recipientOf(privateKeyOf(200))]);
  for (const seed of [77, 200, 269])
    expect(await readBack(repository, ids[0] ?? "", openerOf(seed))).toEqual(filesOf(weightsOf(1)));
}, 10_000);

test("what lies beside a file and is another's, torn or a lie is passed over", async () => {
  const { repository, ids } = await twoSnapshots();
  await rewrap(repository);
  const [first = "", second = ""] = (await laterNames(repository)).filter((name) =>
    name.startsWith("packs/"),
  );
  const read = async (name: string) =>
    repository.store.read(name, 0, (await repository.store.size(name)) ?? 0);
  const beside = (name: string, number: string) => name.replace(/[0-9a-f]{16}\.wk$/, `${number}.wk`);
  const bytes = Buffer.from(await read(first));
  await repository.store.create(beside(first, "00000000000000a1"), [await read(second)]);
  await repository.store.create(beside(first, "00000000000000a2"), [bytes.subarray(0, 150)]);
  await repository.store.create(beside(first, "00000000000000a3"), [
    bytes.map((b, at) => (at > 150 ? b ^ 1 : b)),
  ]);
  await repository.store.create(beside(first, "00000000000000a4"), [new Uint8Array(20_000)]);
  await repository.store.create(first.replace(/[0-9a-f]{16}\.wk$/, "x.wk"), []);
  for (const [at, id] of ids.entries())
    expect(await readBack(repository, id, openerOf(77))).toEqual(filesOf(weightsOf(at + 1)));
});

test("two rotations at once, for two recipients: both can read everything", async () => {
  const { repository, ids } = await twoSnapshots();
  await Promise.all([rewrap(repository), rewrap(repository, [recipientOf(privateKeyOf(78))])]);
  for (const seed of [77, 78])
    expect(await readBack(repository, ids[1] ?? "", openerOf(seed))).toEqual(filesOf(weightsOf(2)));
});

test("stanzas go with their file: forgotten, or deleted as garbage", async () => {
  const { repository, ids, time } = await twoSnapshots();
  // The newest one is held by its channel, and the first one's pack has what all of them need.
  await commitOf(repository, weightsOf(3));
  await rewrap(repository);
  expect(await laterNames(repository)).toHaveLength(6);
  await forget(repository, [ids[1] ?? ""]);
  expect(await laterNames(repository)).toHaveLength(5);
  for (const hours of [1, 26]) {
    time.nowMs += hours * hourMs;
    await collectGarbage(repository, { opener: openerOf(77), holder: "operator" });
  }
  const packs = await namesOf(repository, "packs/");
  expect(packs.filter((name) => name.endsWith(".pk"))).toHaveLength(2);
  expect(await laterNames(repository)).toHaveLength(4);
});

test("a pack that is deleted while its stanza is written leaves none behind", async () => {
  const { repository } = await twoSnapshots();
  const { store } = repository;
  const racing: Repository["store"] = {
    ...store,
    async create(name, parts) {
      await store.remove(
        `${name.slice(0, -"0000000000000001.wk".length)}${name.startsWith("packs") ? "pk" : "sn"}`,
      );
      return store.create(name, parts);
    },
  };
  expect(await rewrap({ store: racing })).toMatchObject({ gone: 4 });
  expect(await laterNames(repository)).toEqual([]);
});

test.for(["crash-before", "crash-after", "torn", "ENOSPC", "EIO"] as const)(
  "%s at every call of a rotation: nothing is lost, and the next one ends it",
  async (kind) => {
    const world = await newRepository();
    const { id } = await commitOf(world.repository, weightsOf(1));
    world.disk.settle();
    for (let at = 0; ; at++) {
      const disk = world.disk.crash(() => 0);
      const faulty = faultyFs(disk.fs, { at, kind });
      const when = `${kind} at call ${at}`;
      await openRepository(repositoryDeps(faulty.fs, world.time))
        .then((repository) => rewrap(repository))
        .catch((error: { code?: string }) => {
          if (!(error instanceof Crash)) expect(error.code, when).toMatch(/^(disk-full|storage-failed)$/);
        });
      if (at >= faulty.calls()) break;
      const after = await openRepository(repositoryDeps(disk.crash(seededRandom(at)).fs, world.time));
      expect(await readBack(after, id), when).toEqual(filesOf(weightsOf(1)));
      expect((await rewrap(after)).failed, when).toBe(0);
      expect(await readBack(after, id, openerOf(77)), when).toEqual(filesOf(weightsOf(1)));
    }
  },
);

test("the recovery tool, which shares no code, opens a repository by later stanzas alone", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-rotation-"));
  try {
    const store = directoryStore({ fs: nodeFs, root: join(dir, "repository"), random: seededBytes(5) });
    await nodeFs.mkdir(join(dir, "repository"));
    const deps = {
      store,
      idKey: sealing.idKey,
      hash: nativeHash,
      random: seededBytes(6),
      wallMs: () => 1e12,
    };
    const repository = await createRepository(deps);
    const { id } = await commitOf(repository, weightsOf(3));
    await writeFile(join(dir, "key.pem"), privateKeyOf(77).export({ type: "pkcs8", format: "pem" }));
    const args = ["--repository", join(dir, "repository"), "--key", join(dir, "key.pem"), "--snapshot", id];
    const recover = () => run(process.execPath, [recoverTool, ...args, "--to", join(dir, "to")]);
    await expect(recover()).rejects.toThrow(/not sealed for this key/);
    await rewrap(repository);
    await recover();
    for (const [path, text] of filesOf(weightsOf(3)))
      expect(await readFile(join(dir, "to", path), "latin1")).toBe(text);
  } finally {
    await rm(dir, { recursive: true });
  }
});
