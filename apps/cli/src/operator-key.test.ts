import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { approveRelease, type ReleaseBody, verifyRelease } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureOperatorKey, operatorKeyFile, readOperatorKey } from "./operator-key.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-key-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const body: ReleaseBody = {
  apiVersion: "locum.dev/v1alpha1",
  service: "s",
  createdAt: "2026-01-01T00:00:00.000Z",
  note: "",
  tree: null,
  configuration: {},
  goldens: [],
};

test("lies in the operator's own folder", () => {
  const env = (xdg?: string) => (name: string) => (name === "XDG_CONFIG_HOME" ? xdg : undefined);
  expect(operatorKeyFile({ env: env("/x"), home: "/h" })).toBe(join("/x", "locum", "operator.key"));
  expect(operatorKeyFile({ env: env(), home: "/h" })).toBe(join("/h", ".config", "locum", "operator.key"));
});

test("is made once, for its owner alone, and signs what its approver verifies", async () => {
  const file = join(dir, "locum", "operator.key");
  const made = await ensureOperatorKey(file);
  const again = await ensureOperatorKey(file);
  expect([made.made, again.made]).toEqual([true, false]);
  expect(again.pem).toBe(made.pem);
  expect(again.approver).toEqual(made.approver);
  if (process.platform !== "win32") {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "locum"))).mode & 0o777).toBe(0o700);
  }
  expect(verifyRelease(approveRelease(body, again.pem), [made.approver]).body).toEqual(body);
});

test("is one key when many ask for it at once", async () => {
  const file = join(dir, "operator.key");
  const keys = await Promise.all(Array.from({ length: 8 }, () => ensureOperatorKey(file)));
  expect(new Set(keys.map(({ approver }) => approver.keyId)).size).toBe(1);
  expect(keys.filter(({ made }) => made)).toHaveLength(1);
});

test.runIf(process.platform !== "win32")("is not used when others can read it", async () => {
  const { file } = await ensureOperatorKey(join(dir, "operator.key"));
  await chmod(file, 0o640);
  await expect(readOperatorKey(file)).rejects.toMatchObject({ code: "config-invalid" });
});

test.for([
  ["no key", "hello"],
  ["a cut key", "-----BEGIN PRIVATE KEY-----\nMC4C"],
  [
    "a key of another kind",
    generateKeyPairSync("x25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  ],
])("%s is refused, and what is in the file is not told", async ([, text = ""]) => {
  const file = join(dir, "operator.key");
  await writeFile(file, text, { mode: 0o600 });
  const error = await readOperatorKey(file).catch((fault: unknown) => fault as Error);
  expect(error).toMatchObject({ code: "config-invalid" });
  expect(String(error)).not.toContain(text.slice(0, 20));
  await expect(ensureOperatorKey(file)).rejects.toMatchObject({ code: "config-invalid" });
  expect(await readFile(file, "utf8")).toBe(text);
});
