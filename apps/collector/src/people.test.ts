import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readNoteKey, verifyLog } from "@locum/audit";
import { createClient } from "@locum/contracts";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSignedAuditLog } from "./adapters/signed-audit-log.ts";
import { startTestCollector, type TestCollector } from "./collector.fixture.ts";

const ada = "Ada Lovelace <ada@example.org>";
const say = () => undefined;
const tokenOf = (role: string) => `0123456789abcdef-${role}`;
let folder: string;
let collector: TestCollector;

const tokens = (person?: string) => {
  const roles = ["admin", "operator", "viewer", "sidecar"];
  const list = roles.map((role) => ({
    name: role,
    role,
    token: tokenOf(role),
    ...(role === "operator" && person !== undefined ? { person } : {}),
  }));
  writeFileSync(join(folder, "tokens.json"), JSON.stringify({ tokens: list }), { mode: 0o600 });
};
const start = (folderOf = folder) =>
  startTestCollector({
    folder: folderOf,
    deps: { openAudit: (dir) => openSignedAuditLog(dir, { clock: systemClock, say }) },
  });
const client = (role: string) => createClient({ baseUrl: collector.url, token: tokenOf(role) });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "locum-people-"));
  mkdirSync(folder, { recursive: true });
  tokens(ada);
  collector = await start();
});
afterEach(async () => {
  await collector.close();
  rmSync(folder, { recursive: true, force: true });
});

const files = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));
const holdsAda = () => files().some((text) => text.includes("Ada Lovelace") || text.includes("ada@"));
const verified = async () => {
  const data = join(folder, "data");
  const key = readNoteKey(readFileSync(join(data, "audit-key.pub"), "utf8"));
  return verifyLog({ dir: join(data, "audit"), key });
};
const actors = async () => [...new Set((await client("viewer").audit()).map(({ event }) => event.actor))];

test("a person is named by a commitment in every record, and by name in the views", async () => {
  const operation = await client("operator").reload({ service: "s", instance: "a" });
  expect(operation.requestedBy).toBe(ada);
  expect((await client("viewer").operation(operation.id)).requestedBy).toBe(ada);
  await client("operator").pause({ service: "s", ms: 1000 });
  const named = (await actors()).filter((actor) => actor.startsWith("person:"));
  expect(named).toEqual([expect.stringMatching(/^person:sha256:[0-9a-f]{64}$/)]);
  expect(await client("viewer").people()).toEqual({ [named[0] ?? ""]: ada });
  await client("admin").resume({ service: "s" });
  expect(await actors()).toContain("token:admin");
});

test("nothing is erased whose intent cannot be written, and that is on record when it can", async () => {
  await collector.close();
  mkdirSync(folder);
  tokens(ada);
  collector = await startTestCollector({ folder });
  await client("operator").pause({ service: "s", ms: 1000 });
  tokens();
  collector = await collector.restart();
  const takeovers = () => collector.audit.records.filter(({ event }) => event.kind === "collector.takeover");
  await expect.poll(() => takeovers().length).toBe(2);
  collector.audit.failWith(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  await expect(client("admin").forgetPerson({ person: ada })).rejects.toMatchObject({ code: "disk-full" });
  await expect(client("admin").forgetPerson({ person: ada })).rejects.toMatchObject({ code: "disk-full" });
  expect(Object.values(await client("viewer").people())).toEqual([ada]);
  collector.audit.failWith(null);
  const erased = () => collector.audit.records.filter(({ event }) => event.kind.startsWith("erase."));
  await expect.poll(() => erased().length, { timeout: 5000 }).toBe(2);
  expect(erased()[1]?.event).toMatchObject({
    kind: "erase.result",
    facts: { outcome: "refused", code: "disk-full" },
  });
});

test("a damaged file of the vault keeps nothing from starting, and can be forgotten", async () => {
  await client("operator").pause({ service: "s", ms: 1000 });
  const vault = join(folder, "data", "vault");
  const [name = ""] = readdirSync(vault);
  writeFileSync(join(vault, name), "{");
  collector = await collector.restart();
  expect(await client("viewer").people()).toEqual({});
  await expect(client("operator").pause({ service: "s", ms: 1000 })).rejects.toMatchObject({
    code: "storage-failed",
  });
  tokens();
  collector = await collector.restart();
  expect(await client("admin").forgetPerson({ person: ada })).toEqual({ actor: null });
  expect(readdirSync(vault)).toEqual([]);
});

test("forgetting leaves no byte of the name, keeps every proof, and is itself on record", async () => {
  await client("operator").pause({ service: "s", ms: 1000 });
  const [actor = ""] = (await actors()).filter((one) => one.startsWith("person:"));
  expect(holdsAda()).toBe(true);
  await expect(client("admin").forgetPerson({ person: ada })).rejects.toMatchObject({ code: "conflict" });
  await expect(client("operator").forgetPerson({ person: ada })).rejects.toMatchObject({
    code: "not-authorised",
  });

  tokens();
  collector = await collector.restart();
  expect(await client("viewer").people()).toEqual({ [actor]: ada });
  const before = await verified();
  expect(before.ok).toBe(true);
  expect(await client("admin").forgetPerson({ person: ada, reason: "ticket 17" })).toEqual({ actor });
  expect(holdsAda()).toBe(false);
  expect(await client("viewer").people()).toEqual({});
  const erased = await client("viewer").audit({ kind: ["erase.intent", "erase.result"] });
  expect(
    erased.map(({ event: { kind, reason, facts } }) => [kind, reason, facts.person, facts.outcome]),
  ).toEqual([
    ["erase.intent", "ticket 17", actor, undefined],
    ["erase.result", "", actor, "done"],
  ]);
  await expect(client("admin").forgetPerson({ person: ada })).rejects.toMatchObject({ code: "not-found" });

  collector = await collector.restart();
  const after = await verified();
  expect(after).toMatchObject({ ok: true, altered: [], missing: [], inserted: [], problems: [] });
  expect(after.records).toBeGreaterThan(before.records);
  expect(await actors()).toContain(actor);
  expect(holdsAda()).toBe(false);
});
