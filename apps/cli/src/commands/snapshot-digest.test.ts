import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesIn, openSnapshotDesk } from "../testing/snapshot-rig.ts";

test("a snapshot with BLAKE3 digests comes back every way, and its SHA-256 is not to be had", async () => {
  await using desk = await openSnapshotDesk();
  const create = ["create", "--model-dir", desk.modelDir, "--name", "digits"] as const;
  expect(await desk.snapshot(...create, "--digest", "blake3")).toMatchObject({ code: 0, stderr: "" });
  const original = await filesIn(desk.modelDir);
  const to = (name: string) => ["--to", join(desk.dir, name)];
  expect(await desk.snapshot("restore", "digits/latest", ...to("a"), "--check", "sha256")).toMatchObject({
    code: 4,
  });
  expect(await desk.snapshot("restore", "digits/latest", ...to("a"))).toMatchObject({ code: 0 });
  expect(await desk.snapshot("export", "digits/latest", ...to("b"))).toMatchObject({ code: 0 });
  for (const name of ["a", "b"]) expect(await filesIn(join(desk.dir, name))).toEqual(original);
  await desk.snapshot(...create);
  expect(await desk.snapshot("restore", "digits/latest", ...to("c"), "--check", "sha256")).toMatchObject({
    code: 0,
  });
});

test("a digest that cannot be signed, and one that is none, are told before anything is read", async () => {
  await using desk = await openSnapshotDesk();
  const create = ["create", "--model-dir", desk.modelDir, "--name", "digits", "--digest"] as const;
  const found = await desk.snapshot(...create, "md5");
  expect(found.code).toBe(64);
  expect(found.stderr).toContain('expected sha256 or blake3, found "md5"');
  const signer = join(desk.dir, "signer.pem");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(signer, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const signed = await desk.snapshot(...create, "blake3", "--signer", signer);
  expect(signed.code).toBe(64);
  expect(signed.stderr).toContain("OpenSSF model signing is over SHA-256");
});
