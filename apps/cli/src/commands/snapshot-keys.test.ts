import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDesk } from "../testing/run-cli.ts";
import { filesIn, openSnapshotDesk, type SnapshotDesk, writeKeyPair } from "../testing/snapshot-rig.ts";

const last = (json: Record<string, unknown>[]) => json.at(-1) ?? {};
const keys = (desk: SnapshotDesk, verb: string, ...argv: string[]) =>
  desk.run("snapshot", "keys", verb, "-r", desk.repository, ...argv);

/** Another desk, without anything but the repository and a private key. */
async function stranger(desk: SnapshotDesk, keyFile: string) {
  const other = await openDesk();
  const restore = (id: string, to: string) =>
    other.run(
      "snapshot",
      "restore",
      id,
      "-r",
      desk.repository,
      "--key",
      keyFile,
      "--to",
      join(other.dir, to),
    );
  return { ...other, restore };
}

test("a key that is added restores what was written before it; one that is dropped nothing new", async () => {
  await using desk = await openSnapshotDesk();
  const newcomer = await writeKeyPair(desk.dir, "newcomer");
  await using other = await stranger(desk, newcomer.privateFile);
  const old = await desk.create();
  expect((await other.restore(old, "early")).stderr).toContain("not sealed for key");
  const added = await keys(desk, "add", "--recipient", newcomer.publicFile, "--json");
  expect(added).toMatchObject({ code: 0, stderr: "" });
  expect(last(added.json)).toMatchObject({ rewrapped: { rewrapped: 2, failed: 0 } });
  expect(await other.restore(old, "restored")).toMatchObject({ code: 0, stderr: "" });
  expect(await filesIn(join(other.dir, "restored"))).toEqual(await filesIn(desk.modelDir));

  const dropped = await keys(desk, "drop", "--recipient", newcomer.publicFile);
  expect(dropped.stdout).toContain("It still opens 1 snapshots' manifests and 1 packs, for good.");
  await writeFile(join(desk.modelDir, "tokenizer", "config.json"), '{ "lower": false }');
  const next = await desk.create();
  expect((await other.restore(next, "next")).stderr).toContain("not sealed for key");
  expect(await other.restore(old, "again")).toMatchObject({ code: 0 });
  const { json } = await keys(desk, "ls", "--json");
  const shares = json.filter(({ kind }) => kind === "recipient");
  expect(
    shares.map(({ name, packs, manifests, sealedFromNow }) => [name, packs, manifests, sealedFromNow]),
  ).toEqual(
    expect.arrayContaining([
      ["snapshot", 2, 2, true],
      ["escrow", 2, 2, true],
      ["newcomer", 1, 1, false],
    ]),
  );
  expect((await keys(desk, "ls")).stdout).toMatch(/newcomer +x25519 +1 of 2 +1 of 2 +no/);
});

test("rotate lets in whom recipients.pem names, once; a key that opens nothing is refused", async () => {
  await using desk = await openSnapshotDesk();
  const newcomer = await writeKeyPair(desk.dir, "newcomer");
  await desk.create();
  const added = await keys(desk, "add", "--recipient", newcomer.publicFile, "--new-only", "--json");
  expect(last(added.json)).toMatchObject({ rewrapped: null });
  await using other = await stranger(desk, newcomer.privateFile);
  expect((await other.restore("digits/latest", "early")).code).not.toBe(0);
  const wrong = await keys(desk, "rotate", "--key", newcomer.privateFile);
  expect(wrong.stderr).toContain("this key opens nothing that is stored");
  expect(last((await keys(desk, "rotate", "--json")).json)).toMatchObject({
    rewrapped: 2,
    already: 0,
    failed: 0,
  });
  expect(last((await keys(desk, "rotate", "--json")).json)).toMatchObject({
    rewrapped: 0,
    already: 2,
    failed: 0,
  });
  expect(await other.restore("digits/latest", "late")).toMatchObject({ code: 0 });
});

test("the last recipient stays, and what is no recipient is told", async () => {
  await using desk = await openSnapshotDesk();
  await desk.create();
  const ids = (await keys(desk, "ls", "--json")).json
    .filter(({ kind }) => kind === "recipient")
    .map(({ id }) => String(id));
  expect(ids).toHaveLength(2);
  expect((await keys(desk, "drop", "ffff")).stderr).toContain("no such recipient");
  expect((await keys(desk, "drop", "xyz")).stderr).toContain("expected the id of a recipient");
  expect((await keys(desk, "drop", ids[0]?.slice(0, 12) ?? "")).stdout).toContain("ONE RECIPIENT ONLY");
  expect((await keys(desk, "drop", ids[1] ?? "")).stderr).toContain("it is the last recipient");
});

test("the drill proves the escrow key on the newest snapshot, and only it moves escrow-proven", async () => {
  await using desk = await openSnapshotDesk();
  const escrow = join(desk.dir, "escrow.key");
  await desk.create();
  const id = await desk.create();
  expect((await keys(desk, "ls")).stdout).toContain("The key in escrow was never proven");
  const part = await keys(desk, "drill", "--key", escrow, "--slice", "1/2");
  expect(part.stdout).toContain("escrow-proven stays where it is");
  const drilled = await keys(desk, "drill", "--key", escrow, "--json");
  expect(last(drilled.json)).toMatchObject({
    models: [{ model: "digits", snapshot: id, packs: 1, packsTried: 1, problems: [] }],
    proven: ["digits"],
  });
  const ls = await keys(desk, "ls");
  expect(ls.stdout).toMatch(new RegExp(`escrow proven for digits \\S+ \\S+ ago, on ${id}`));
  // It is one more channel that holds its snapshot.
  expect((await desk.snapshot("forget", id)).stderr).toMatch(/held by|channel/);
  const unknown = await writeKeyPair(desk.dir, "unknown");
  const failed = await keys(desk, "drill", "--key", unknown.privateFile);
  expect(failed.stdout).toContain(`does not open  ${id}`);
  expect(failed.stderr).toContain("not-authorised");
  expect((await keys(desk, "drill")).stderr).toContain("--key");
});

test("what a private key is used for stands in the log, by verb, snapshot and key", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  await desk.snapshot("ls");
  // What init wrote: whom the writer seals for.
  const made = (await keys(desk, "log", "--json")).json.filter(({ kind }) => kind === "event");
  expect(made.map(({ event }) => event)).toEqual(["recipient-added", "recipient-added"]);
  await desk.snapshot("restore", id, "--to", join(desk.dir, "restored"));
  await desk.snapshot("export", id, "--to", join(desk.dir, "exported"));
  await desk.snapshot("show", id);
  await desk.snapshot("diff", id, id);
  await desk.snapshot("verify");
  await desk.snapshot("prune");
  await desk.snapshot("repair");
  await keys(desk, "rotate");
  await keys(desk, "drill", "--key", join(desk.dir, "escrow.key"));
  const { code, json } = await keys(desk, "log", "--json");
  expect(code).toBe(0);
  const events = json.filter(({ kind }) => kind === "event") as {
    event: string;
    key: string;
    by: string;
    details: Record<string, unknown>;
  }[];
  expect(
    events.slice(2).map(({ event, details }) => [event, details.verb ?? details.model, details.snapshots]),
  ).toEqual([
    ["key-use", "restore", [id]],
    ["key-use", "export", [id]],
    ["key-use", "show", [id]],
    ["key-use", "diff", [id, id]],
    ["key-use", "verify", []],
    ["key-use", "prune", []],
    ["key-use", "repair", []],
    ["key-use", "rotate", []],
    ["key-use", "drill", []],
    ["escrow-proven", "digits", undefined],
  ]);
  const [own, escrow] = [events[2]?.key, events.at(-1)?.key];
  expect(own).toMatch(/^[0-9a-f]{64}$/);
  expect(escrow).not.toBe(own);
  expect(events[2]?.by).toContain("@");
  const first = join(desk.repository, "audit", "0000000000000003.al");
  const text = await readFile(first, "utf8");
  await rm(first);
  await writeFile(first, text.replace("restore", "nothing"));
  const broken = await keys(desk, "log");
  expect(broken.code).not.toBe(0);
  expect(broken.stdout).toMatch(/broken .*0000000000000003/);
});

test("a restore from storage that takes no entry goes on, and says that there is none", async () => {
  await using desk = await openSnapshotDesk();
  const id = await desk.create();
  // A file where the folder would be: nothing can be created below it, by root neither.
  await rm(join(desk.repository, "audit"), { recursive: true });
  await writeFile(join(desk.repository, "audit"), "");
  const restored = await desk.snapshot("restore", id, "--to", join(desk.dir, "restored"));
  expect(restored.code).toBe(0);
  expect(restored.stderr).toContain("warning: the repository's log of keys has no entry of this");
  expect(await filesIn(join(desk.dir, "restored"))).toEqual(await filesIn(desk.modelDir));
});
