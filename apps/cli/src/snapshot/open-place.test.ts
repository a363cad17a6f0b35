import { chmod, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDesk } from "../testing/run-cli.ts";
import { openSnapshotDesk, writeKeyPair } from "../testing/snapshot-rig.ts";

describe("a place, a name or a key that is refused", () => {
  test.for<[string, string[], number, RegExp]>([
    ["no place", ["ls"], 64, /--repository/],
    ["an empty place", ["ls", "-r", ""], 64, /expected a folder/],
    ["a folder that is no repository", ["ls", "-r", "absent"], 13, /is no snapshot repository/],
    ["another scheme", ["ls", "-r", "https://host/bucket"], 64, /another scheme/],
    ["no bucket", ["ls", "-r", "s3://"], 64, /s3:\/\/bucket/],
    ["a prefix that leads out", ["ls", "-r", "s3://bucket/a/../b"], 64, /s3:\/\/bucket/],
    ["an unknown option", ["ls", "-r", "s3://bucket/a?secret=1"], 64, /found "secret"/],
    ["an endpoint that is none", ["ls", "-r", "s3://bucket/a?endpoint=file:///etc"], 64, /endpoint=https/],
    [
      "a bucket without credentials",
      ["ls", "-r", "s3://bucket/a?endpoint=http://127.0.0.1:1"],
      64,
      /no credentials/,
    ],
    ["no recipient", ["init", "-r", "new"], 64, /nobody could read/],
    [
      "a recipient that is not there",
      ["init", "-r", "new", "--recipient", "absent.pub"],
      64,
      /config-unreadable/,
    ],
    ["a private key as recipient", ["init", "-r", "new", "--recipient", "pair.key"], 64, /public half/],
    ["a key that is none", ["ls", "-r", "new", "--key", "pair.pub"], 64, /no private key/],
  ])("%s", async ([, argv, exit, message]) => {
    await using desk = await openDesk();
    await writeKeyPair(desk.dir, "pair");
    await chmod(join(desk.dir, "pair.pub"), 0o600);
    const ran = await desk.run("snapshot", ...argv);
    expect(ran).toMatchObject({ code: exit, stdout: "" });
    expect(ran.stderr).toMatch(message);
  });

  test("credentials in a place are refused and not repeated", async () => {
    await using desk = await openDesk();
    for (const place of [
      "s3://AKIAEXAMPLE:hunter2@bucket/a",
      "s3://bucket/a?endpoint=https://u:hunter2@host",
    ]) {
      const { code, stderr } = await desk.run("snapshot", "ls", "-r", place);
      expect(code).toBe(64);
      expect(stderr).not.toContain("hunter2");
    }
  });

  test.for<[string, string[], number]>([
    ["a name that is a path", ["create", "--model-dir", "model", "--name", "../x"], 64],
    ["a name in capitals", ["create", "--model-dir", "model", "--name", "Digits"], 64],
    ["a model that is not there", ["create", "--model-dir", "absent", "--name", "digits"], 13],
    [
      "a parent that is not there",
      ["create", "--model-dir", "model", "--name", "digits", "--parent", "01ABCDEF"],
      13,
    ],
    ["an id that is a path", ["show", "../../etc/passwd"], 13],
    ["a channel that is a path", ["show", "../latest"], 64],
    ["an id that is none", ["export", "x".repeat(5000), "--to", "out"], 13],
    ["a pin that is a path", ["pin", "../x", "digits/latest"], 64],
    ["a slice that is none", ["verify", "--read-data", "--slice", "8/7"], 64],
    ["no rule", ["forget"], 64],
    ["a rule that is none", ["forget", "--keep-last", "0"], 64],
    ["a form that is none", ["export", "digits/latest", "--to", "out", "--as", "zip"], 64],
    ["a time without a zone", ["restore", "digits", "--at", "2026-01-01T00:00:00", "--to", "out"], 64],
    ["the repository as a model", ["create", "--model-dir", "repository", "--name", "digits"], 4],
    ["what holds the repository", ["import", ".", "--name", "digits"], 4],
    ["an export into the repository", ["export", "digits/latest", "--to", "repository/out"], 4],
  ])("%s", async ([, [verb = "", ...argv], exit]) => {
    await using desk = await openSnapshotDesk();
    await desk.create();
    const ran = await desk.snapshot(verb, ...argv);
    expect([ran.code, ran.stdout]).toEqual([exit, ""]);
    expect(ran.stderr).toMatch(/^error [a-z-]+: .+\nhint: .+\n$/s);
  });
});

test("keys never lie in the repository, by no name and by no link", async () => {
  await using desk = await openSnapshotDesk();
  const again = (...argv: string[]) => desk.snapshot("init", "--make-key", ...argv);
  await symlink(desk.repository, join(desk.dir, "link"));
  for (const dir of [join(desk.repository, "writer"), join(desk.dir, "link", "a", "b")]) {
    const { code, stderr } = await again("--writer-dir", dir);
    expect([code, stderr]).toEqual([4, expect.stringContaining("lies in the repository")]);
  }
});
