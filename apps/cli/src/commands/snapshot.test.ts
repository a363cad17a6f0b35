import { execFileSync } from "node:child_process";
import { appendFile, open, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDesk } from "../testing/run-cli.ts";
import { filesIn, openSnapshotDesk, safetensors, weights, writeKeyPair } from "../testing/snapshot-rig.ts";

const recover = new URL("../../../../packages/snapshot/recover/recover.mjs", import.meta.url).pathname;
const last = (json: Record<string, unknown>[]) => json.at(-1) ?? {};

test("what create wrote comes back byte for byte, by restore, by export and by a tool that shares no code", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const original = await filesIn(desk.modelDir);
  expect(original.size).toBe(2);
  const places = ["restored", "exported", "recovered"].map((name) => join(desk.dir, name));
  const [restored = "", exported = "", recovered = ""] = places;
  expect(await desk.snapshot("restore", id, "--to", restored)).toMatchObject({ code: 0, stderr: "" });
  expect(await desk.snapshot("export", "digits/latest", "--to", exported)).toMatchObject({ code: 0 });
  execFileSync(process.execPath, [
    recover,
    "--repository",
    desk.repository,
    "--key",
    desk.keyFile,
    "--to",
    recovered,
  ]);
  for (const place of places) expect(await filesIn(place)).toEqual(original);
});

test("a second snapshot of the same bytes stores none, and an edit of metadata one chunk", async () => {
  await using desk = await openSnapshotDesk();
  const records = async () => {
    const { json } = await desk.snapshot("verify", "--json");
    return (last(json).coverage as { records: number }).records;
  };
  const first = await desk.create();
  const stored = await records();
  const again = await desk.snapshot("create", "--model-dir", desk.modelDir, "--name", "digits", "--json");
  expect(last(again.json)).toMatchObject({ newPacks: 0, newPackBytes: 0, ratio: 0, torn: false });
  expect(await records()).toBe(stored);
  await writeFile(join(desk.modelDir, "m.safetensors"), safetensors(weights, "other"));
  const third = await desk.create();
  expect(await records()).toBe(stored + 1);
  const { json } = await desk.snapshot("ls", "--json");
  expect(json.slice(0, -1)).toMatchObject([
    { id: first, parent: null, channels: [] },
    { id: last(again.json).id, parent: first, channels: [] },
    { id: third, channels: ["latest"] },
  ]);
});

test("a small pack has small parity", async () => {
  await using desk = await openSnapshotDesk();
  await desk.create();
  await writeFile(join(desk.modelDir, "tokenizer", "config.json"), "{}");
  const { json } = await desk.snapshot("create", "--model-dir", desk.modelDir, "--name", "digits", "--json");
  const { newBytes, newPackBytes } = last(json) as Record<string, number>;
  expect((newBytes ?? 0) - (newPackBytes ?? 0)).toBeLessThan(16_384);
});

test("diff names the tensor that changed, one that shares its chunk with others too, and a text's lines", async () => {
  await using desk = await openSnapshotDesk();
  const before = await desk.create();
  const bias = Uint8Array.from(weights.bias ?? []);
  bias[5] = (bias[5] ?? 0) ^ 1;
  await writeFile(
    join(desk.modelDir, "m.safetensors"),
    safetensors({ ...weights, bias, extra: Uint8Array.of(1, 2) }),
  );
  await writeFile(join(desk.modelDir, "tokenizer", "config.json"), '{\n  "lower": false,\n  "max": 512\n}\n');
  const after = await desk.create();
  const { code, stdout } = await desk.snapshot("diff", before, after);
  expect(code).toBe(3);
  expect(stdout).toContain("~ bias");
  expect(stdout).toContain("+ extra");
  expect(stdout).not.toMatch(/layer|scale/);
  expect(stdout).toContain('-  "lower": true,');
  expect(stdout).toContain('+  "lower": false,');
  expect(await desk.snapshot("diff", after, "digits/latest")).toMatchObject({
    code: 0,
    stdout: "no difference\n",
  });
});

test("without a private key a snapshot shows its stub, and nothing is read, pruned or restored", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const other = await writeKeyPair(desk.dir, "other");
  const wrong = ["--key", other.privateFile];
  expect(await desk.snapshot("show", id, ...wrong)).toMatchObject({ code: 12 });
  await writeFile(desk.keyFile, await readFile(other.privateFile));
  const shown = await desk.snapshot("show", id, "--json");
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.json).toMatchObject([{ kind: "summary", id, files: 2, isOpened: false, state: null }]);
  for (const [verb = "", ...argv] of [
    ["diff", id, id],
    ["export", id, "--to", "x"],
    ["restore", id, "--to", "x"],
    ["prune"],
  ]) {
    const ran = await desk.snapshot(verb, ...argv);
    expect([verb, ran.code]).toEqual([verb, 12]);
  }
  expect(await readdir(desk.dir)).not.toContain("x");
});

test("a private key alone opens a repository on a machine that never wrote, and another key opens nothing", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  await using elsewhere = await openDesk();
  const other = await writeKeyPair(elsewhere.dir, "other");
  const at = (...argv: string[]) => elsewhere.run("snapshot", ...argv, "-r", desk.repository);
  const found = await at("ls", "--json", "--key", join(desk.dir, "escrow.key"));
  expect(found.json[0]).toMatchObject({ id, channels: ["latest"] });
  const stranger = await at("ls", "--json", "--key", other.privateFile);
  expect(stranger.code).toBe(0);
  expect(last(stranger.json)).toMatchObject({ snapshots: 1, channels: null });
  expect(await at("create", "--model-dir", desk.modelDir, "--name", "digits")).toMatchObject({ code: 12 });
  const joined = await at(
    "init",
    "--key",
    join(desk.dir, "escrow.key"),
    "--recipient",
    join(desk.dir, "escrow.pub"),
  );
  expect(joined).toMatchObject({ code: 0 });
  expect(joined.stdout).toContain("ONE RECIPIENT ONLY");
  expect(await at("create", "--model-dir", desk.modelDir, "--name", "digits", "--json")).toMatchObject({
    code: 0,
  });
});

test("verify moves last-verified only after a whole look with a key, and names a damaged pack", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const verified = async (...argv: string[]) =>
    last((await desk.snapshot("verify", "--json", ...argv)).json).verified;
  expect(await verified()).toEqual([]);
  expect(await verified("--read-data", "--slice", "1/2")).toEqual([]);
  expect(await verified("--read-data")).toEqual([{ model: "digits", id }]);
  const { name } = await damagePack(desk.repository);
  const { code, stdout, stderr } = await desk.snapshot("verify", "--read-data");
  expect(code).toBe(14);
  expect(stderr).toContain(name);
  expect(stdout).toContain(`snapshot ${id} cannot be restored whole`);
  expect(await desk.snapshot("verify")).toMatchObject({ code: 0 });
});

test("repair makes a damaged pack whole from its parity, without a private key", async () => {
  await using desk = await openSnapshotDesk();
  await desk.create();
  const { path, whole } = await damagePack(desk.repository);
  await rm(desk.keyFile);
  expect(last((await desk.snapshot("repair", "--json")).json)).toMatchObject({
    packs: 1,
    repaired: 1,
    failed: 0,
  });
  expect(await readFile(path)).toEqual(whole);
  expect(last((await desk.snapshot("repair", "--json")).json)).toMatchObject({ intact: 1, parities: 0 });
});

test("repair without parity saves chunks from live files, and says what it cannot", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const { path } = await damagePack(desk.repository);
  await rm(path.replace(/pk$/, "pr"));
  await rename(desk.keyFile, join(desk.dir, "ops.key"));
  expect(await desk.snapshot("repair")).toMatchObject({ code: 14 });
  const key = ["--key", join(desk.dir, "ops.key")];
  expect(await desk.snapshot("repair", ...key, "--from", desk.modelDir)).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect(await desk.snapshot("verify", ...key, "--read-data")).toMatchObject({ code: 0 });
  const out = join(desk.dir, "out");
  expect(await desk.snapshot("restore", id, ...key, "--to", out)).toMatchObject({ code: 0 });
  expect(await filesIn(out)).toEqual(await filesIn(desk.modelDir));
});

/** Four bytes in the middle of the only pack are others now. */
async function damagePack(repository: string): Promise<{ name: string; path: string; whole: Buffer }> {
  const names = await readdir(join(repository, "packs"), { recursive: true });
  const name = `packs/${names.find((each) => each.endsWith(".pk"))}`;
  const path = join(repository, name);
  const whole = await readFile(path);
  await using handle = await open(path, "r+");
  await handle.write(Uint8Array.of(1, 2, 3, 4), 0, 4, Math.floor(whole.length / 2));
  return { name, path, whole };
}

test("a source that is not whole gives a torn snapshot, exit 3, which is never last-verified", async () => {
  await using desk = await openSnapshotDesk();
  const argv = ["--model-dir", desk.modelDir, "--name", "digits", "--include", join(desk.dir, "absent")];
  const { code, stdout } = await desk.snapshot("create", ...argv);
  expect(code).toBe(3);
  expect(stdout).toMatch(/torn .*\n.*\n {2}not held: .locum\/include\/0 \(missing\)/);
  const { json } = await desk.snapshot("verify", "--read-data", "--json");
  expect(last(json)).toMatchObject({ damage: [], verified: [] });
});

test("a file that never stops changing is told, and what stands is kept", async () => {
  await using desk = await openSnapshotDesk();
  let isDone = false;
  const log = join(desk.modelDir, "tokenizer", "growing.txt");
  await writeFile(log, "first\n");
  const writing = (async () => {
    while (!isDone) await appendFile(log, "a line\n");
  })();
  const ran = await desk
    .snapshot("create", "--model-dir", desk.modelDir, "--name", "digits", "--json")
    .finally(() => {
      isDone = true;
    });
  await writing;
  expect(ran.code).toBe(3);
  const left = [{ path: "tokenizer/growing.txt", reason: "unsettled" }];
  expect(last(ran.json)).toMatchObject({ torn: true, files: 2, left });
});

test("pins hold against rules and hands, and forget says why each stays", async () => {
  await using desk = await openSnapshotDesk();
  const first = await desk.create();
  const second = await desk.create();
  const third = await desk.create();
  expect(await desk.snapshot("pin", "before-v3", first)).toMatchObject({ code: 0 });
  expect(await desk.snapshot("forget", first)).toMatchObject({ code: 4 });
  const rules = ["1", "0", "0", "0", "0", "0"].flatMap((count, at) => [
    `--keep-${["last", "hourly", "daily", "weekly", "monthly", "within"][at]}`,
    count,
  ]);
  const dry = await desk.snapshot("forget", ...rules, "--dry-run", "--json");
  expect(last(dry.json)).toMatchObject({ forget: [second], dryRun: true });
  expect(last((await desk.snapshot("ls", "--json")).json)).toMatchObject({ snapshots: 3 });
  await desk.snapshot("forget", ...rules);
  expect(await desk.snapshot("unpin", "before-v3")).toMatchObject({ code: 0 });
  expect(await desk.snapshot("unpin", "before-v3")).toMatchObject({ code: 13 });
  expect(await desk.snapshot("forget", first.slice(0, 26).toLowerCase())).toMatchObject({ code: 0 });
  expect((await desk.snapshot("ls", "--json")).json[0]).toMatchObject({ id: third });
});

test("prune announces what nobody needs, and deletes it in a later run", async () => {
  await using desk = await openSnapshotDesk();
  const first = await desk.create();
  await rm(join(desk.modelDir, "tokenizer"), { recursive: true });
  await writeFile(
    join(desk.modelDir, "m.safetensors"),
    safetensors({ other: new Uint8Array(90_000).fill(7) }),
  );
  await desk.create();
  await desk.snapshot("forget", first);
  // An hour later: what is younger than a minute is left alone, as clocks of one storage may differ so much.
  const age = async (folder: string) => {
    for (const name of await readdir(join(desk.repository, folder), { recursive: true })) {
      const hourAgo = Date.now() / 1000 - 3600;
      await utimes(join(desk.repository, folder, name), hourAgo, hourAgo);
    }
  };
  const prune = async () => last((await desk.snapshot("prune", "--grace-hours", "0", "--json")).json);
  await age("packs");
  const { announced } = await prune();
  expect(announced).toHaveLength(1);
  expect(await prune()).toMatchObject({ announced: [], deleted: [] });
  await age("garbage");
  expect(await prune()).toMatchObject({ announced: [], deleted: announced, missingChunks: 0 });
  expect(await desk.snapshot("verify", "--read-data")).toMatchObject({ code: 0 });
});

test("a tar file goes out and comes back without a new chunk; a folder too", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const tar = join(desk.dir, "digits.tar");
  expect(await desk.snapshot("export", id, "--to", tar)).toMatchObject({ code: 0 });
  expect(await desk.snapshot("export", id, "--to", tar)).toMatchObject({ code: 11 });
  for (const source of [tar, desk.modelDir]) {
    const { code, json } = await desk.snapshot("import", source, "--name", "digits", "--json");
    expect([code, last(json)]).toMatchObject([0, { files: 2, newPacks: 0, torn: false }]);
  }
  const back = join(desk.dir, "back");
  await desk.snapshot("export", "digits/latest", "--to", back);
  expect(await filesIn(back)).toEqual(await filesIn(desk.modelDir));
});

test("an OCI layout holds a ModelPack artifact whose blobs are what their names say", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  const layout = join(desk.dir, "oci");
  const { json } = await desk.snapshot("export", id, "--as", "oci", "--to", layout, "--json");
  const blob = async (digest: string) => readFile(join(layout, "blobs", "sha256", digest.slice(7)));
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  expect(index.manifests[0].digest).toBe(last(json).digest);
  const manifest = JSON.parse((await blob(index.manifests[0].digest)).toString());
  expect(manifest).toMatchObject({
    artifactType: "application/vnd.cncf.model.manifest.v1+json",
    schemaVersion: 2,
  });
  const original = await filesIn(desk.modelDir);
  for (const { digest, size, annotations } of manifest.layers) {
    const bytes = await blob(digest);
    expect(bytes.length).toBe(size);
    expect(bytes.toString("latin1")).toBe(original.get(annotations["org.cncf.model.filepath"]));
  }
  expect(manifest.layers.map(({ mediaType }: { mediaType: string }) => mediaType)).toEqual([
    "application/vnd.cncf.model.weight.v1.raw",
    "application/vnd.cncf.model.weight.config.v1.raw",
  ]);
  const config = JSON.parse((await blob(manifest.config.digest)).toString());
  expect(config.modelfs.diffIds).toEqual(manifest.layers.map(({ digest }: { digest: string }) => digest));
});

test("a signature is exported where one was made, and asked for in vain where none was", async () => {
  await using desk = await openSnapshotDesk();
  await desk.create();
  const [target, signature] = [join(desk.dir, "out"), join(desk.dir, "model.sig")];
  const refused = await desk.snapshot("export", "digits/latest", "--to", target, "--signature", signature);
  expect(refused).toMatchObject({ code: 13, stderr: expect.stringContaining("was not signed") });
  expect(await readdir(desk.dir)).not.toContain("out");
});
