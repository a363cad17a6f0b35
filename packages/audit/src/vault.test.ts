import { generateKeyPairSync, randomBytes } from "node:crypto";
import { canonicalJson } from "@locum/contracts";
import { expect, test } from "vitest";
import { openAuditLog } from "./audit-log.ts";
import { leafHash } from "./merkle/merkle-hash.ts";
import { isIncluded } from "./merkle/verify-proof.ts";
import { openCheckpoint } from "./note/checkpoint.ts";
import { noteKeyOf } from "./note/note-key.ts";
import { createMemoryLogFs, errno } from "./testing/memory-log-fs.ts";
import { someEvent } from "./testing/some-event.ts";
import { openVault } from "./vault.ts";

const dir = "/vault";
const opened = () => {
  const disk = createMemoryLogFs();
  return { ...disk, vault: openVault({ dir, fs: disk.fs, randomBytes }) };
};

test("a commitment is the same for the same value of a person, and tells nothing of it", async () => {
  const { vault } = opened();
  const [mine, again, other, others] = await Promise.all([
    vault.keep("ada", "ada@example.org"),
    vault.keep("ada", "ada@example.org"),
    vault.keep("ada", "+49 30 1"),
    vault.keep("bob", "ada@example.org"),
  ]);
  expect(mine).toBe(again);
  expect(new Set([mine, other, others]).size).toBe(3);
  expect(mine).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await vault.reveal("ada", mine)).toBe("ada@example.org");
  expect(await vault.reveal("bob", mine)).toBeUndefined();
});

test("a person that is forgotten is gone from the vault, and every proof of the log holds as before", async () => {
  const { vault, files, fs } = opened();
  const signer = { name: "locum/test", privateKey: generateKeyPairSync("ed25519").privateKey };
  const log = await openAuditLog({ dir: "/log", fs, signer });
  const commitment = await vault.keep("ada", "ada@example.org");
  await vault.keep("bob", "bob@example.org");
  const [record] = await log.append([someEvent({ facts: { user: commitment } }), someEvent()]);
  const { size, root } = openCheckpoint((await log.tree?.checkpoint()) ?? "", noteKeyOf(signer, "log"));

  expect(await vault.forget("ada")).toBe(true);
  expect(await vault.forget("ada")).toBe(false);
  expect(await vault.reveal("ada", commitment)).toBeUndefined();
  const left = [...files.values()].map(({ bytes }) => bytes.toString()).join("\n");
  expect(left).not.toContain("ada@example.org");
  expect(left).toContain("bob@example.org");
  const proof = (await log.tree?.inclusion(0, size)) ?? [];
  expect(isIncluded({ leaf: leafHash(canonicalJson(record)), index: 0, size, root, proof })).toBe(true);
  expect(await log.verify()).toEqual({ ok: true });
  // Kept again it is somebody new: the old commitment does not come back.
  expect(await vault.keep("ada", "ada@example.org")).not.toBe(commitment);
});

test("what cannot be kept is refused, and what is damaged is told", async () => {
  const { vault, control, files } = opened();
  await expect(vault.keep("ada", "x".repeat(1001))).rejects.toMatchObject({ code: "request-invalid" });
  control.fail = (call) => (call === "replace" ? errno("ENOSPC") : undefined);
  await expect(vault.keep("ada", "x")).rejects.toMatchObject({ code: "disk-full" });
  control.fail = () => undefined;
  const commitment = await vault.keep("ada", "x");
  for (const file of files.values()) file.bytes = file.bytes.subarray(1);
  await expect(vault.reveal("ada", commitment)).rejects.toMatchObject({ code: "storage-failed" });
});
