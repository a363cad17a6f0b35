import { generateKeyPairSync } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { noteKeyOf, noteKeyText, openAuditLog } from "@locum/audit";
import { catchUp, openProjection } from "@locum/audit/projection";
import type { AuditEvent } from "@locum/contracts";
import { expect, test } from "vitest";
import { openDesk } from "../testing/run-cli.ts";

const signer = { name: "locum/test", privateKey: generateKeyPairSync("ed25519").privateKey };
const key = noteKeyText(noteKeyOf(signer, "log"));
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

/** A desk with a signed log of 20 records, its projection beside it. */
async function withLog() {
  const desk = await openDesk();
  const dir = join(desk.dir, "audit");
  const log = await openAuditLog({ dir, signer });
  await log.append(Array.from({ length: 20 }, (_, index) => ({ ...event, facts: { index } })));
  await log.tree?.checkpoint();
  const projection = openProjection(join(desk.dir, "audit.db"));
  await catchUp(projection, log);
  projection.close();
  await log.close();
  const [segment = ""] = (await readdir(dir)).filter((name) => name.endsWith(".jsonl"));
  return { desk, dir, segment: join(dir, segment) };
}

test("a log as it was written is unchanged, and so is its projection", async () => {
  const { desk, dir } = await withLog();
  await using _ = desk;
  const people = await desk.run("audit", "verify", dir);
  expect(people).toMatchObject({ code: 0, stderr: "" });
  expect(people.stdout).toMatch(/unchanged {2}20 records/);
  expect(people.stdout).toMatch(/No witness cosigned.*not proven who signed/);
  const witness = noteKeyText(noteKeyOf({ ...signer, name: "locum/witness/s/a" }, "witness"));
  expect((await desk.run("audit", "verify", dir, "--witness", witness)).code).toBe(14);
  for (const from of ["log", "sqlite"]) {
    const script = await desk.run("audit", "verify", dir, "--from", from, "--key", key, "--json");
    expect(script.json.at(-1)).toMatchObject({
      kind: "summary",
      ok: true,
      records: 20,
      signed: { size: 20, byKey: true },
    });
  }
});

test("what was done to it is named by number, with the exit code of evidence", async () => {
  const { desk, dir, segment } = await withLog();
  await using _ = desk;
  const lines = (await readFile(segment, "utf8")).split("\n");
  lines.splice(12, 2);
  lines[5] = lines[5]?.replace("goldens", "geldens") ?? "";
  await writeFile(segment, lines.join("\n"));
  const people = await desk.run("audit", "verify", dir);
  expect(people.code).toBe(14);
  expect(people.stdout).toBe("record 5 was altered\nrecords 12 to 13 are missing\n");
  expect(people.stderr).toMatch(/^error evidence-invalid: .*record 5 was altered/);
  const script = await desk.run("audit", "verify", dir, "--json");
  expect(script.json).toContainEqual(
    expect.objectContaining({ kind: "difference", altered: [5], missing: [{ from: 12, to: 13 }] }),
  );
  expect((await desk.run("audit", "verify", dir, "--from", "sqlite")).code).toBe(0);
});

test("another key, another source and an absent folder are told", async () => {
  const { desk, dir } = await withLog();
  await using _ = desk;
  const other = { ...signer, privateKey: generateKeyPairSync("ed25519").privateKey };
  const otherKey = noteKeyText(noteKeyOf(other, "log"));
  expect((await desk.run("audit", "verify", dir, "--key", otherKey)).code).toBe(14);
  expect((await desk.run("audit", "verify", dir, "--key", "noise")).code).toBe(14);
  expect((await desk.run("audit", "verify", dir, "--from", "tape")).code).toBe(64);
  expect((await desk.run("audit", "verify", join(dir, "absent"))).code).toBe(13);
  expect((await desk.run("audit", "verify", dir, "--from", "sqlite", "--projection", "absent.db")).code).toBe(
    13,
  );
});
