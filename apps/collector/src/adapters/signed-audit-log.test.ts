import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAuditLog, readNoteKey, verifyLog } from "@locum/audit";
import type { AuditEvent } from "@locum/contracts";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSignedAuditLog } from "./signed-audit-log.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "locum-signed-"));
});
afterEach(() => rm(folder, { recursive: true }));

const event: AuditEvent = {
  kind: "verdict.change",
  at: "2026-01-02T03:04:05.000Z",
  service: "digits",
  instance: "a",
  actor: "sidecar:a",
  epoch: 1,
  incident: null,
  reason: "two goldens failed",
  facts: {},
};
const open = (everyMs?: number) =>
  openSignedAuditLog(join(folder, "audit"), {
    clock: systemClock,
    say: () => {},
    ...(everyMs === undefined ? {} : { everyMs }),
  });
const verdict = async () =>
  verifyLog({
    dir: join(folder, "audit"),
    key: readNoteKey(await readFile(join(folder, "audit-key.pub"), "utf8")),
  });

test("what was written is signed now and then, and when the log is closed", async () => {
  const log = await open(5);
  await log.append([event, event]);
  await vi.waitFor(async () => expect((await verdict()).signed?.size).toBe(2));
  await log.append([event]);
  await log.close();
  expect(await verdict()).toMatchObject({ ok: true, records: 3, signed: { size: 3, byKey: true } });
});

test("a log from before it was signed is signed as it is", async () => {
  const old = await openAuditLog({ dir: join(folder, "audit") });
  await old.append([event, event, event]);
  await old.close();
  const log = await open();
  expect(await verdict()).toMatchObject({ ok: true, signed: { size: 3 } });
  await log.append([event]);
  await log.close();
  expect(await verdict()).toMatchObject({ ok: true, signed: { size: 4 } });
});

test("a log of which signed records are gone does not open, nor one whose key is another", async () => {
  const log = await open();
  await log.append([event, event]);
  await log.close();
  const segment = join(folder, "audit", "00000000000000000000.jsonl");
  const text = await readFile(segment, "utf8");
  await writeFile(segment, text.slice(0, text.indexOf("\n") + 1));
  await expect(open()).rejects.toMatchObject({
    code: "evidence-invalid",
    message: expect.stringMatching(/2 records that were signed/),
  });
  await writeFile(segment, text);
  await rm(join(folder, "audit-key.pem"));
  await expect(open()).rejects.toMatchObject({ code: "evidence-invalid" });
});

test("a checkpoint that cannot be written stops nothing", async () => {
  const log = await open();
  // A folder stands where the note goes.
  await rm(join(folder, "audit", "checkpoint"));
  await mkdir(join(folder, "audit", "checkpoint", "in-the-way"), { recursive: true });
  await log.append([event]);
  expect(log.head().seq).toBe(0);
  await log.close();
});
